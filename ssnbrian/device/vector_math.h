// Lets g++ use the vector forms of exp, log, … that glibc has had since 2.22, and of more since 2.35 (x86-64): at most
// 4 units in the last place off. glibc declares them for -ffinite-math-only alone, which Brian2 switches off because
// infinities and NaN must keep their meaning; the vector forms handle both.
#ifndef SSNBRIAN_VECTOR_MATH_H
#define SSNBRIAN_VECTOR_MATH_H

#include <cmath>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && !defined(__FAST_MATH__)
#if __GLIBC_PREREQ(2, 22)
extern "C" {
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
__attribute__((simd("notinbranch"))) double log(double) noexcept;
__attribute__((simd("notinbranch"))) double pow(double, double) noexcept;
__attribute__((simd("notinbranch"))) double sin(double) noexcept;
__attribute__((simd("notinbranch"))) double cos(double) noexcept;
#if __GLIBC_PREREQ(2, 35)
__attribute__((simd("notinbranch"))) double expm1(double) noexcept;
__attribute__((simd("notinbranch"))) double tanh(double) noexcept;
#endif
}
#endif
#endif

namespace ssnbrian {

// (exp(x) - 1)/x. The choice is made before the exponential, which the compiler would else make conditional, and then
// not evaluate for many numbers at once.
inline double exprel(double x) {
    const double y = std::fabs(x) < 1e-16 ? 1e-16 : x;
    return expm1(y) / y;
}

}  // namespace ssnbrian

#endif
