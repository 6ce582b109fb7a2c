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
// branch and the compiler vectorises it. A polar or ziggurat method is serial. The arithmetic is single
// precision, sixteen numbers per 512-bit instruction. The radius of a pair is exact within a relative 8e-7 and
// the direction within 1.3e-6; over all possible words, the mean is 0 and the variance is 1 within 1e-7, too
// little to be seen in fewer than 1e13 numbers. The tail is not that of a 32-bit uniform, which would end at 6.7
// standard deviations: words at either end of their range are extended to 64 bits (see mend_ends), and the
// normals reach 9.4 standard deviations, beyond which a normal lies with a probability of 5e-21.
//
// One state feeds all kinds of numbers; each kind is made a block at a time. Within a kind, single numbers, bulk
// copies and runs may be mixed at will: they take the next numbers of one sequence. Which words a block is made
// of depends on the order in which blocks of the different kinds are needed. All that is fixed by the seed and
// the calls.
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
#define SSNBRIAN_INLINE inline __attribute__((always_inline))
#define SSNBRIAN_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define SSNBRIAN_OUT_OF_LINE
#define SSNBRIAN_INLINE inline
#define SSNBRIAN_UNLIKELY(condition) (condition)
#endif

// g++ 12 is too cautious at -O2 to vectorise all loops that fill a block.
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && !defined(__NO_MATH_ERRNO__)
#define SSNBRIAN_VECTORISED SSNBRIAN_OUT_OF_LINE __attribute__((optimize("O3")))
#else
#define SSNBRIAN_VECTORISED SSNBRIAN_OUT_OF_LINE
#endif

// Without -fno-math-errno (a part of -ffast-math) a square root is a call that may set errno, and no loop around
// it is vectorised.
#if defined(__SSE2__) && !defined(__NO_MATH_ERRNO__)
#include <emmintrin.h>
#define SSNBRIAN_ROOTS_APART 1
#else
#define SSNBRIAN_ROOTS_APART 0
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

// A stream of uniform and of standard normal numbers, all taken from the same sixteen lanes.
//
// A generator that has no seed yet takes one when it makes its first block, from the `entropy` of that call (a
// function object that returns 64 bits).
//
// The fastest way to a loop over many numbers is to read them where they lie, run by run:
//
//     for (std::size_t i = 0, run; i < n; i += run) {
//         run = n - i;
//         const float* __restrict z = generator.normal_run(run);
//         for (std::size_t k = 0; k < run; k++) v[i + k] = decay * v[i + k] + noise * z[k];
//     }
class RandomBlock {
public:
    static const unsigned lanes = 16;
    // 4 KiB of floats: this and the chunk of the model that a run is used for stay in the first-level cache.
    static const unsigned size = 1024;

    // A constant expression, so that a static generator needs no guard at every access.
    constexpr RandomBlock()
        : state_(), normals_(), float_uniforms_(), uniforms_(), next_normal_(size), next_float_uniform_(size),
          next_uniform_(size), seeded_(false) {}

    // Start the stream that belongs to `value`; what was made before is discarded.
    void seed(std::uint64_t value) {
        for (unsigned lane = 0; lane < lanes; lane++)
            for (unsigned pair = 0; pair < 2; pair++) {
                const std::uint64_t bits = splitmix64(value);
                state_.word[2 * pair][lane] = static_cast<std::uint32_t>(bits);
                state_.word[2 * pair + 1][lane] = static_cast<std::uint32_t>(bits >> 32);
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

    // Uniform on the open interval (0, 1) from one word, at less than half the cost: an odd multiple of 2^-32,
    // rounded to the nearest float below 1.
    template <class Entropy>
    float float_uniform(const Entropy& entropy) {
        if (SSNBRIAN_UNLIKELY(next_float_uniform_ == size)) refill_float_uniforms(entropy);
        return float_uniforms_[next_float_uniform_++];
    }
    float float_uniform() { return float_uniform(SystemEntropy()); }

    // Normal with mean 0 and variance 1: a float, and never zero.
    template <class Entropy>
    double normal(const Entropy& entropy) {
        if (SSNBRIAN_UNLIKELY(next_normal_ == size)) refill_normals(entropy);
        return static_cast<double>(normals_[next_normal_++]);
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
    void float_uniforms(float* out, std::size_t count, const Entropy& entropy) {
        while (count) {
            if (next_float_uniform_ == size) {
                for (; count >= size; count -= size, out += size) make_float_uniforms(out, entropy);
                if (!count) return;
                refill_float_uniforms(entropy);
            }
            serve(float_uniforms_, next_float_uniform_, out, count);
        }
    }
    void float_uniforms(float* out, std::size_t count) { float_uniforms(out, count, SystemEntropy()); }

    template <class Entropy>
    void normals(double* out, std::size_t count, const Entropy& entropy) {
        while (count) {
            if (next_normal_ == size) refill_normals(entropy);
            serve(normals_, next_normal_, out, count);
        }
    }
    void normals(double* out, std::size_t count) { normals(out, count, SystemEntropy()); }

    // Whole blocks are made in `out` itself. Use this instead of runs where a loop needs several normals at once.
    template <class Entropy>
    void normals(float* out, std::size_t count, const Entropy& entropy) {
        while (count) {
            if (next_normal_ == size) {
                for (; count >= size; count -= size, out += size) make_normals(out, size, entropy);
                if (!count) return;
                refill_normals(entropy);
            }
            serve(normals_, next_normal_, out, count);
        }
    }
    void normals(float* out, std::size_t count) { normals(out, count, SystemEntropy()); }

    // The next numbers where they lie, at most `count` of them; `count` becomes how many they are (at least one
    // if it was not zero). They are valid until the next call that draws a number of the same kind, or seeds.
    template <class Entropy>
    const float* normal_run(std::size_t& count, const Entropy& entropy) {
        if (next_normal_ == size) refill_normals(entropy);
        return run(normals_, next_normal_, count);
    }
    const float* normal_run(std::size_t& count) { return normal_run(count, SystemEntropy()); }

    template <class Entropy>
    const float* float_uniform_run(std::size_t& count, const Entropy& entropy) {
        if (next_float_uniform_ == size) refill_float_uniforms(entropy);
        return run(float_uniforms_, next_float_uniform_, count);
    }
    const float* float_uniform_run(std::size_t& count) { return float_uniform_run(count, SystemEntropy()); }

    // Normals made for `out` alone, without a copy: not those that the other calls would give next. `count` is a
    // multiple of 32 and at most `size`.
    template <class Entropy>
    void fresh_normals(float* out, unsigned count, const Entropy& entropy) {
        make_normals(out, count, entropy);
    }

    // The words that all numbers are made of, open to tests: `draws` steps of all lanes of a generator that has a
    // seed, out[draw * lanes + lane].
    SSNBRIAN_VECTORISED void fill_words(std::uint32_t* out, unsigned draws) {
        State state = state_;
        for (unsigned draw = 0; draw < draws; draw++, out += lanes)
            for (unsigned lane = 0; lane < lanes; lane++) out[lane] = step(state, lane);
        state_ = state;
    }

    // The transform, open to tests: the squared radius of a pair of normals, -2 log u, from a word that is
    // not at either end of its range, and the direction from another word.
    //
    // u is the word without its lowest bit, times 2^-31 and rounded to 24 bits. The polynomial is a minimax fit
    // (Remez) of log(1 + f) / f, relative error 1.1e-6.
    static SSNBRIAN_INLINE float squared_radius(std::uint32_t word) {
        // u = (1 + f) 2^e with 1 + f in [sqrt(1/2), sqrt(2)).
        const std::uint32_t middle = 0x3f3504f3U;
        const std::uint32_t bits =
            as_bits(static_cast<float>(static_cast<std::int32_t>(word >> 1))) - (middle + (31U << 23));
        const float e = static_cast<float>(static_cast<std::int32_t>(bits) >> 23);
        const float f = as_float((bits & 0x7fffffU) + middle) - 1.0f, ff = f * f;
        // -2 log(1 + f) / f by Estrin's scheme: the chain of dependent steps is shorter than in Horner's.
        const float low = 1.000022258728f * f - 2.00000194954f;
        const float middling = 0.49819485098f * f - 0.666290175078f;
        const float high = 0.373357344924f * f - 0.409926631704f;
        const float series = ((high - 0.237922216686f * ff) * ff + middling) * ff + low;
        return series * f - 1.38629436112f * e;
    }

    // The highest 24 bits give the angle pi t within a half circle, t an odd multiple of 2^-25, and the lowest
    // bit gives the half: 2^25 directions at equal distances, none of them on an axis. Minimax fits of the
    // relative error, at most 9.4e-7 for sin(pi t) / t and 2.1e-7 for cos(pi t) / (1/4 - t^2) in t^2.
    static SSNBRIAN_INLINE void direction(std::uint32_t word, float& cosine, float& sine) {
        const float t = static_cast<float>(static_cast<std::int32_t>(word) >> 8) * (1 / 16777216.0f)
            + 1 / 33554432.0f;
        const float w = t * t;
        const float s = ((2.54360496363f - 0.558396059558f * w) * w - 5.16736781331f) * w + 3.14158970335f;
        const float c = ((1.27603650611f - 0.216486329884f * w) * w - 3.73910740335f) * w + 3.99999916915f;
        cosine = as_float(as_bits((0.25f - w) * c) ^ (word << 31));
        sine = t * s;
    }

private:
    struct State {
        alignas(64) std::uint32_t word[4][lanes];
    };

    void discard_blocks() { next_normal_ = next_float_uniform_ = next_uniform_ = size; }

    static void copy(const double* from, double* to, std::size_t count) {
        std::memcpy(to, from, count * sizeof *to);
    }
    static void copy(const float* from, float* to, std::size_t count) { std::memcpy(to, from, count * sizeof *to); }
    static SSNBRIAN_VECTORISED void copy(const float* from, double* to, std::size_t count) {
        for (std::size_t i = 0; i < count; i++) to[i] = static_cast<double>(from[i]);
    }

    template <class Number>
    static const Number* run(const Number* block, unsigned& next, std::size_t& count) {
        const std::size_t left = size - next;
        if (count > left) count = left;
        const Number* const first = block + next;
        next += static_cast<unsigned>(count);
        return first;
    }

    template <class Number, class Out>
    static void serve(const Number* block, unsigned& next, Out*& out, std::size_t& count) {
        std::size_t taken = count;
        const Number* const first = run(block, next, taken);
        copy(first, out, taken);
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
    void make_float_uniforms(float* out, const Entropy& entropy) {
        if (!seeded_) seed(entropy());
        fill_float_uniforms(out);
    }

    template <class Entropy>
    SSNBRIAN_OUT_OF_LINE void refill_float_uniforms(const Entropy& entropy) {
        make_float_uniforms(float_uniforms_, entropy);
        next_float_uniform_ = 0;
    }

    template <class Entropy>
    void make_normals(float* out, unsigned count, const Entropy& entropy) {
        if (!seeded_) seed(entropy());
        const State before = state_;
        if (SSNBRIAN_UNLIKELY(fill_normals(out, count))) mend_ends(out, count, before);
    }

    template <class Entropy>
    SSNBRIAN_OUT_OF_LINE void refill_normals(const Entropy& entropy) {
        make_normals(normals_, size, entropy);
        next_normal_ = 0;
    }

    static SSNBRIAN_INLINE double as_double(std::uint64_t bits) {
        double x;
        std::memcpy(&x, &bits, sizeof x);
        return x;
    }

    static SSNBRIAN_INLINE float as_float(std::uint32_t bits) {
        float x;
        std::memcpy(&x, &bits, sizeof x);
        return x;
    }

    static SSNBRIAN_INLINE std::uint32_t as_bits(float x) {
        std::uint32_t bits;
        std::memcpy(&bits, &x, sizeof bits);
        return bits;
    }

    static SSNBRIAN_INLINE std::uint32_t rotated(std::uint32_t x, int by) { return (x << by) | (x >> (32 - by)); }

    // One step of one lane. The loops below keep a local copy of the state: the compiler then knows that no store
    // changes it. It is in plain arrays and not in a 64-byte vector type, which g++ 12 handles at half the speed
    // where it has no AVX-512.
    static SSNBRIAN_INLINE std::uint32_t step(State& state, unsigned lane) {
        std::uint32_t &a = state.word[0][lane], &b = state.word[1][lane], &c = state.word[2][lane],
                      &d = state.word[3][lane];
        const std::uint32_t word = rotated(a + d, 7) + a, shifted = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = rotated(d, 11);
        return word;
    }

    // Each number is made of two successive words of a lane: the 52 high bits are the fraction of a number in
    // [1, 2), moved to (0, 1). Every step is exact, and unlike an integer conversion it has a vector instruction
    // everywhere. Three loops, because a loop over numbers of 64 bits would take the steps at half the width.
    SSNBRIAN_VECTORISED void fill_uniforms() {
        State state = state_;
        double* out = uniforms_;
        for (unsigned draw = 0; draw < size / lanes; draw++, out += lanes) {
            alignas(64) std::uint32_t high[lanes], low[lanes];
            for (unsigned lane = 0; lane < lanes; lane++) high[lane] = step(state, lane);
            for (unsigned lane = 0; lane < lanes; lane++) low[lane] = step(state, lane);
            for (unsigned lane = 0; lane < lanes; lane++) {
                const std::uint64_t bits = static_cast<std::uint64_t>(high[lane]) << 32 | low[lane];
                out[lane] = as_double(0x3ff0000000000000ULL | (bits >> 12)) - (1.0 - 1.1102230246251565e-16);
            }
        }
        state_ = state;
    }

    SSNBRIAN_VECTORISED void fill_float_uniforms(float* out) {
        State state = state_;
        for (unsigned draw = 0; draw < size / lanes; draw++, out += lanes)
            for (unsigned lane = 0; lane < lanes; lane++) {
                const float word = static_cast<float>(static_cast<std::int32_t>(step(state, lane) >> 1));
                const float u = (word + 0.5f) * (1 / 2147483648.0f), largest = 1 - 1 / 16777216.0f;
                out[lane] = u < largest ? u : largest;
            }
        state_ = state;
    }

    // Words so close to either end of their range are at an end.
    static const std::uint32_t end = 1U << 16;

    // A pair of normals from two successive words of a lane, the first for the radius and the second for the
    // direction; half a block lies between the two. Returns whether a radius word was at an end.
    SSNBRIAN_VECTORISED bool fill_normals(float* out, unsigned count) {
        State state = state_;
        alignas(64) std::uint32_t least[lanes];
        for (unsigned lane = 0; lane < lanes; lane++) least[lane] = ~0U;
        const unsigned half = count / 2;
        for (unsigned draw = 0; draw < half / lanes; draw++, out += lanes) {
#if SSNBRIAN_ROOTS_APART
            alignas(64) float square[lanes];
#endif
            for (unsigned lane = 0; lane < lanes; lane++) {
                const std::uint32_t word = step(state, lane);
                float cosine, sine;
                direction(step(state, lane), cosine, sine);
                least[lane] = word + end < least[lane] ? word + end : least[lane];
#if SSNBRIAN_ROOTS_APART
                square[lane] = squared_radius(word);
                out[lane] = cosine;
                out[lane + half] = sine;
            }
            for (unsigned lane = 0; lane < lanes; lane += 4)
                _mm_store_ps(square + lane, _mm_sqrt_ps(_mm_load_ps(square + lane)));
            for (unsigned lane = 0; lane < lanes; lane++) {
                out[lane] *= square[lane];
                out[lane + half] *= square[lane];
            }
#else
                const float r = std::sqrt(squared_radius(word));
                out[lane] = r * cosine;
                out[lane + half] = r * sine;
            }
#endif
        }
        state_ = state;
        std::uint32_t least_of_all = ~0U;
        for (unsigned lane = 0; lane < lanes; lane++)
            least_of_all = least[lane] < least_of_all ? least[lane] : least_of_all;
        return least_of_all < 2 * end;
    }

    // Make the pairs whose radius word is at an end again, the radius from 64 bits and in double precision: the
    // word and one more word of the same lane. At the lower end that gives the tail, at the upper end a radius
    // near zero that is not coarse. One block in 64 is concerned. Each such pair takes one step of all lanes
    // after those of the block; the words themselves come from the state `before` the block.
    SSNBRIAN_OUT_OF_LINE void mend_ends(float* out, unsigned count, const State& before) {
        const unsigned half = count / 2;
        alignas(64) std::uint32_t words[size], more[lanes];
        state_ = before;
        fill_words(words, count / lanes);
        for (unsigned i = 0; i < half; i++) {
            const unsigned lane = i % lanes;
            const std::uint32_t word = words[2 * i - lane], turn = words[2 * i - lane + lanes];
            if (word + end >= 2 * end) continue;
            fill_words(more, 1);
            float cosine, sine;
            direction(turn, cosine, sine);
            const float r = static_cast<float>(extended_radius(word, more[lane]));
            out[i] = r * cosine;
            out[i + half] = r * sine;
        }
    }

public:
    // sqrt(-2 log u) of a word at an end; u is an odd multiple of 2^-65, and 1 - u is computed as such where u is
    // close to 1.
    static double extended_radius(std::uint32_t word, std::uint32_t more) {
        const bool upper = word > end;
        const double high = static_cast<double>(upper ? ~word : word);
        const double low = static_cast<double>(upper ? ~more : more) + 0.5;
        const double distance = (high + low * 2.3283064365386963e-10) * 2.3283064365386963e-10;
        return std::sqrt(-2.0 * (upper ? std::log1p(-distance) : std::log(distance)));
    }

private:
    State state_;
    alignas(64) float normals_[size];
    alignas(64) float float_uniforms_[size];
    alignas(64) double uniforms_[size];
    unsigned next_normal_, next_float_uniform_, next_uniform_;
    bool seeded_;
};

// The generator of the process, one for all translation units.
inline RandomBlock& generator() {
    static RandomBlock process_generator;
    return process_generator;
}

}  // namespace ssnbrian

#undef SSNBRIAN_OUT_OF_LINE
#undef SSNBRIAN_VECTORISED
#undef SSNBRIAN_INLINE
#undef SSNBRIAN_UNLIKELY
#undef SSNBRIAN_ROOTS_APART

#endif
