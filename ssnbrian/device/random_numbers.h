// Random numbers for compiled spiking-network simulations: uniforms and standard normals, made in blocks.
//
// Uniform bits: xoshiro128++ (D. Blackman & S. Vigna, "Scrambled linear pseudorandom number generators",
// ACM Trans. Math. Softw. 47:36, 2021), sixteen independent streams ("lanes") side by side, so that one
// vector instruction advances many of them. The ++ scrambler is used because the low bits of the cheaper
// + scrambler are weak and all bits are used here. The lanes are started by consecutive outputs of
// splitmix64 (G. Steele, D. Lea & C. Flood, OOPSLA 2014). The state of a lane is two successive outputs;
// splitmix64 is a bijection of a counter, so both cannot be zero, the one state xoshiro must not have. The
// period is 2^128 - 1, so that sixteen lanes of 2^50 draws overlap with a probability below 2^-70.
//
// Normals: Box & Muller (Ann. Math. Statist. 29:610, 1958), because it needs no rejection: the loop has no
// branch and the compiler vectorises it. A polar or ziggurat method is serial. The radius has 52 bits and is
// never cut off below 8.5 standard deviations, where the tail holds 2e-17.
//
// The uniforms are the same bits on every machine and with any compiler flag. The normals are the same up to
// rounding: with -ffast-math, or with fused multiply-add, the last bits depend on the instruction set, and a
// chaotic network amplifies such a difference. Compare runs of different builds by their statistics.
//
// C++11, standard library only. Not safe to call from several threads at once.
#ifndef SSNBRIAN_RANDOM_NUMBERS_H
#define SSNBRIAN_RANDOM_NUMBERS_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#if defined(__GNUC__)
#define SSNBRIAN_OUT_OF_LINE __attribute__((noinline))
#define SSNBRIAN_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define SSNBRIAN_OUT_OF_LINE
#define SSNBRIAN_UNLIKELY(condition) (condition)
#endif

namespace ssnbrian {

// splitmix64: the next output; `counter` is its whole state.
inline std::uint64_t splitmix64(std::uint64_t& counter) {
    counter += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = counter;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// A seed that differs from process to process.
struct SystemEntropy {
    std::uint64_t operator()() const {
        std::random_device device;
        const std::uint64_t high = device();
        return (high << 32) ^ device();
    }
};

// A stream of uniform and of standard normal numbers, both taken from the same sixteen lanes.
//
// Each kind is made a block at a time and served one by one; a generator that has no seed yet takes one when
// it makes its first block, from the `entropy` of that call (a function object that returns 64 bits).
class RandomBlock {
public:
    static const unsigned lanes = 16;
    // 8 KiB of each kind: the two blocks and the scratch words leave most of a first-level cache to the model.
    static const unsigned size = 1024;

    // A constant expression, so that a static generator needs no guard at every access.
    constexpr RandomBlock()
        : state_(), words_(), uniforms_(), normals_(), next_uniform_(size), next_normal_(size), seeded_(false) {}

    // Start the stream that belongs to `value`; what was made before is discarded.
    void seed(std::uint64_t value) {
        for (unsigned lane = 0; lane < lanes; lane++)
            for (unsigned pair = 0; pair < 2; pair++) {
                const std::uint64_t bits = splitmix64(value);
                state_[2 * pair][lane] = static_cast<std::uint32_t>(bits);
                state_[2 * pair + 1][lane] = static_cast<std::uint32_t>(bits >> 32);
            }
        discard_blocks();
        seeded_ = true;
    }

    // Forget the seed: the next draw takes a new one from its entropy.
    void unseed() {
        discard_blocks();
        seeded_ = false;
    }

    bool seeded() const { return seeded_; }

    // Uniform on the open interval (0, 1): an odd multiple of 2^-53.
    template <class Entropy>
    double uniform(const Entropy& entropy) {
        if (SSNBRIAN_UNLIKELY(next_uniform_ == size)) refill_uniforms(entropy);
        return uniforms_[next_uniform_++];
    }
    double uniform() { return uniform(SystemEntropy()); }

    // Normal with mean 0 and variance 1.
    template <class Entropy>
    double normal(const Entropy& entropy) {
        if (SSNBRIAN_UNLIKELY(next_normal_ == size)) refill_normals(entropy);
        return normals_[next_normal_++];
    }
    double normal() { return normal(SystemEntropy()); }

    // `count` numbers at once: the same ones as `count` single calls give.
    template <class Entropy>
    void uniforms(double* out, std::size_t count, const Entropy& entropy) {
        while (count) {
            if (next_uniform_ == size) refill_uniforms(entropy);
            serve(uniforms_, next_uniform_, out, count);
        }
    }
    void uniforms(double* out, std::size_t count) { uniforms(out, count, SystemEntropy()); }

    template <class Entropy>
    void normals(double* out, std::size_t count, const Entropy& entropy) {
        while (count) {
            if (next_normal_ == size) refill_normals(entropy);
            serve(normals_, next_normal_, out, count);
        }
    }
    void normals(double* out, std::size_t count) { normals(out, count, SystemEntropy()); }

private:
    void discard_blocks() { next_uniform_ = next_normal_ = size; }

    static void serve(const double* block, unsigned& next, double*& out, std::size_t& count) {
        const std::size_t left = size - next, taken = count < left ? count : left;
        std::memcpy(out, block + next, taken * sizeof(double));
        next += static_cast<unsigned>(taken);
        out += taken;
        count -= taken;
    }

    template <class Entropy>
    SSNBRIAN_OUT_OF_LINE void refill_uniforms(const Entropy& entropy) {
        if (!seeded_) seed(entropy());
        fill_uniforms();
        next_uniform_ = 0;
    }

    template <class Entropy>
    SSNBRIAN_OUT_OF_LINE void refill_normals(const Entropy& entropy) {
        if (!seeded_) seed(entropy());
        fill_normals();
        next_normal_ = 0;
    }

    static double as_double(std::uint64_t bits) {
        double x;
        std::memcpy(&x, &bits, sizeof x);
        return x;
    }

    static std::uint64_t as_bits(double x) {
        std::uint64_t bits;
        std::memcpy(&bits, &x, sizeof bits);
        return bits;
    }

    // The 52 high bits as the fraction of a number in [1, 2), moved to (0, 1): every step is exact, and unlike
    // an integer conversion it has a vector instruction everywhere.
    static double open_uniform(std::uint64_t bits) {
        return as_double(0x3ff0000000000000ULL | (bits >> 12)) - (1.0 - 1.1102230246251565e-16);
    }

    static std::uint32_t rotated(std::uint32_t x, int by) { return (x << by) | (x >> (32 - by)); }

    // `draws` steps of all lanes, step by step: words_[step * lanes + lane].
    void fill_words(unsigned draws) {
        // Local copies: the compiler then knows that no store to words_ changes the state. Plain arrays and not
        // a 64-byte vector type, which g++ 12 handles at half the speed where it has no AVX-512.
        std::uint32_t a[lanes], b[lanes], c[lanes], d[lanes];
        std::memcpy(a, state_[0], sizeof a);
        std::memcpy(b, state_[1], sizeof b);
        std::memcpy(c, state_[2], sizeof c);
        std::memcpy(d, state_[3], sizeof d);
        std::uint32_t* out = words_;
        for (unsigned draw = 0; draw < draws; draw++, out += lanes)
            for (unsigned i = 0; i < lanes; i++) {
                out[i] = rotated(a[i] + d[i], 7) + a[i];
                const std::uint32_t shifted = b[i] << 9;
                c[i] ^= a[i];
                d[i] ^= b[i];
                b[i] ^= c[i];
                a[i] ^= d[i];
                c[i] ^= shifted;
                d[i] = rotated(d[i], 11);
            }
        std::memcpy(state_[0], a, sizeof a);
        std::memcpy(state_[1], b, sizeof b);
        std::memcpy(state_[2], c, sizeof c);
        std::memcpy(state_[3], d, sizeof d);
    }

    // Number k is made from draws k and k + size of the word block: the same lane, since lanes divides size.
    void fill_uniforms() {
        fill_words(2 * size / lanes);
        const std::uint32_t *high = words_, *low = words_ + size;
        for (unsigned i = 0; i < size; i++)
            uniforms_[i] = open_uniform(static_cast<std::uint64_t>(high[i]) << 32 | low[i]);
    }

    // A pair of normals from three words: 52 bits for the radius, 43 for the angle within a half circle and one
    // for the half. More words for the angle would cost time and change nothing that can be measured.
    //
    // The polynomials are minimax fits (Remez) of the relative error, which is at most 3e-14 for
    // log((1 + s) / (1 - s)) / s in s^2, 7e-14 for sin(pi t) / t and 9e-15 for cos(pi t) / (1/4 - t^2) in t^2.
    void fill_normals() {
        const unsigned half = size / 2;
        fill_words(3 * half / lanes);
        const std::uint32_t *high = words_, *low = words_ + half, *turn = words_ + size;
        for (unsigned i = 0; i < half; i++) {
            const double u = open_uniform(static_cast<std::uint64_t>(high[i]) << 32 | low[i]);
            // u = m 2^e with m in [sqrt(1/2), sqrt(2)). The exponent is read as an unsigned number: an
            // arithmetic shift of 64 bits and a conversion to double exist as vectors with AVX-512 only.
            const std::uint64_t to_middle = 0x3ff0000000000000ULL - 0x3fe6a09e667f3bcdULL;
            const std::uint64_t bits = as_bits(u) + to_middle;
            const double e = as_double(0x4330000000000000ULL | (bits >> 52)) - (4503599627370496.0 + 1023.0);
            const double m = as_double((bits & 0x000fffffffffffffULL) + 0x3fe6a09e667f3bcdULL);
            const double s = (m - 1.0) / (m + 1.0), ss = s * s;
            double series = 0.196090840183451851;
            series = series * ss + 0.221741772291952048;
            series = series * ss + 0.285721680155935215;
            series = series * ss + 0.399999948722221365;
            series = series * ss + 0.666666666796510403;
            series = series * ss + 1.99999999999994677;
            const double radius = std::sqrt(-2.0 * (e * 0.693147180559945309 + s * series));

            const std::uint64_t angle = static_cast<std::uint64_t>(turn[i]) << 32
                | static_cast<std::uint64_t>(low[i] & 0xffeU) << 20;
            const double t = open_uniform(angle) - 0.5, w = t * t;
            double sine = 0.000447200321409521844;
            sine = sine * w - 0.00736378505627807656;
            sine = sine * w + 0.0821447321267494466;
            sine = sine * w - 0.599264425737849006;
            sine = sine * w + 2.55016403541950329;
            sine = sine * w - 5.16771277997731749;
            sine = sine * w + 3.14159265358959711;
            double cosine = 0.0000998692088018618271;
            cosine = cosine * w - 0.00190240383153195396;
            cosine = cosine * w + 0.0253307512292221176;
            cosine = cosine * w - 0.228997868131962239;
            cosine = cosine * w + 1.27801329612671909;
            cosine = cosine * w - 3.73920880216552528;
            cosine = cosine * w + 3.9999999999999653;
            const std::uint64_t side = static_cast<std::uint64_t>(low[i]) << 63;
            normals_[i] = as_double(as_bits(radius * (cosine * (0.25 - w))) ^ side);
            normals_[i + half] = radius * (sine * t);
        }
    }

    alignas(64) std::uint32_t state_[4][lanes];
    alignas(64) std::uint32_t words_[2 * size];
    alignas(64) double uniforms_[size];
    alignas(64) double normals_[size];
    unsigned next_uniform_, next_normal_;
    bool seeded_;
};

// The generator of the process, one for all translation units.
inline RandomBlock& generator() {
    static RandomBlock process_generator;
    return process_generator;
}

}  // namespace ssnbrian

#undef SSNBRIAN_OUT_OF_LINE
#undef SSNBRIAN_UNLIKELY

#endif
