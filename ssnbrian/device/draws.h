// What generated code objects call: random numbers in blocks, seeded from Brian2's generator, and the marks of a
// threshold. Included after objects.h, which declares that generator.
#ifndef SSNBRIAN_DRAWS_H
#define SSNBRIAN_DRAWS_H

#include <cmath>
#include <cstdint>
#include <cstring>

#include "random_numbers.h"
#include "vector_math.h"

// A function that is compiled where it is called, so that what it captures are local variables again.
#if defined(__GNUC__)
#define SSNBRIAN_INLINED __attribute__((always_inline))
#else
#define SSNBRIAN_INLINED
#endif

namespace ssnbrian {

// Brian2's numbers have 53 bits: two of them fill the 64 of a seed.
struct BrianEntropy {
    std::uint64_t operator()() const {
        const double scale = 4294967296.0;
        const std::uint64_t high = static_cast<std::uint64_t>(brian::_random_generators[0].rand() * scale);
        return high << 32 | static_cast<std::uint64_t>(brian::_random_generators[0].rand() * scale);
    }
};

inline double draw_uniform() { return generator().uniform(BrianEntropy()); }
inline double draw_normal() { return generator().normal(BrianEntropy()); }

// Neurons are taken in chunks whose numbers and states stay in the first-level cache.
const int chunk = 1024;
inline int chunk_size(int start, int end) { return end - start < chunk ? end - start : chunk; }

inline void fill_uniform(double* out, int count) { generator().uniforms(out, count, BrianEntropy()); }
inline void fill_normal(float* out, int count) {
    generator().fresh_normals(out, (static_cast<unsigned>(count) + 31) / 32 * 32, BrianEntropy());
}

// Uniform numbers of which only 16 bits are drawn at first: rounded down, and with the other bits.
inline void fill_coarse(std::uint16_t* out, int count) {
    std::uint32_t words[chunk / 2];
    if (!generator().seeded()) generator().seed(BrianEntropy()());
    const unsigned per_draw = 2 * RandomBlock::lanes;
    generator().fill_words(words, (count + per_draw - 1) / per_draw);
    std::memcpy(out, words, count * sizeof *out);
}
inline double rounded_down(std::uint16_t coarse) { return static_cast<double>(coarse) * (1.0 / 65536); }
inline double refined(std::uint16_t coarse) { return (static_cast<double>(coarse) + draw_uniform()) * (1.0 / 65536); }

// `count` uniform numbers of which the least is drawn first; its place, and any other one on condition that it is
// larger, when they are asked for. P(least > m) = (1 - m)^count, so the least is 1 - exp(-x) with x = -log(u)/count.
class LeastUniform {
public:
    explicit LeastUniform(int count) : count_(count), x_(-std::log(draw_uniform()) / count) {
        // log(1 - exp(-x)) by its series and less than it by at most 1e-6, or exactly: no more is needed.
        log = x_ < 0.1 ? std::log(x_) - x_ * (0.5 - x_ * (1.0 / 24)) - 1e-6 : std::log(-std::expm1(-x_));
    }
    double number(int place) {
        if (place_ < 0) {
            value_ = -std::expm1(-x_);
            place_ = static_cast<int>(draw_uniform() * count_);
        }
        return place == place_ ? value_ : value_ + (1.0 - value_) * draw_uniform();
    }
    double log;

private:
    int count_, place_ = -1;
    double x_, value_ = 0.0;
};

// At least exp(x), and by at most 6.2 % where -700 < x < 700: with x = (k + f) log 2 and 0 <= f < 1 it is (1 + f) 2^k,
// the number whose exponent and mantissa are k and f. Only the upper half of the number is made.
inline double at_least_exp(double x) {
    x = x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x;
    const double steps_per_unit = 1048576.0 * 1.4426950408889634, zero = 1048576.0 * 1023.0;
    const std::int32_t upper = static_cast<std::int32_t>(x * steps_per_unit + zero) + 1;
    const std::uint64_t bits = static_cast<std::uint64_t>(static_cast<std::uint32_t>(upper)) << 32;
    double power;
    std::memcpy(&power, &bits, sizeof power);
    return power;
}

typedef std::uint8_t Mark;

// The next marked position from `position` on, or `count`.
inline int next_mark(const Mark* marks, int position, int count) {
    while (position < count && position % 8 != 0)
        if (marks[position]) return position;
        else position++;
    for (; position + 8 <= count; position += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, marks + position, 8);
        if (eight) break;
    }
    while (position < count && !marks[position]) position++;
    return position;
}

}  // namespace ssnbrian

#endif
