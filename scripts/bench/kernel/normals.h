// Standard normals in single precision, in bulk: sixteen lanes of xoshiro128++ and Box-Muller with polynomials that
// are exact to 1e-6, in plain loops that the compiler turns into vector instructions.
#include <cmath>
#include <cstdint>
#include <cstring>

struct Generator {
    static const int lanes = 16, batch = 512;  // pairs per batch
    alignas(64) std::uint32_t s[4][lanes];
    alignas(64) std::uint32_t words[2 * batch];

    explicit Generator(std::uint64_t seed) {
        for (int k = 0; k < 4 * lanes; k++) {  // splitmix64
            std::uint64_t z = seed += 0x9e3779b97f4a7c15ULL;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
            s[k / lanes][k % lanes] = std::uint32_t((z ^ (z >> 31)) >> 16);
        }
    }

    static std::uint32_t rotated(std::uint32_t x, int by) { return (x << by) | (x >> (32 - by)); }

    // `count` words, a multiple of `lanes`.
    void fill_words(std::uint32_t* out, int count) {
        std::uint32_t a[lanes], b[lanes], c[lanes], d[lanes];
        std::memcpy(a, s[0], sizeof a), std::memcpy(b, s[1], sizeof b);
        std::memcpy(c, s[2], sizeof c), std::memcpy(d, s[3], sizeof d);
        for (; count > 0; count -= lanes, out += lanes)
            for (int i = 0; i < lanes; i++) {
                out[i] = rotated(a[i] + d[i], 7) + a[i];
                const std::uint32_t shifted = b[i] << 9;
                c[i] ^= a[i];
                d[i] ^= b[i];
                b[i] ^= c[i];
                a[i] ^= d[i];
                c[i] ^= shifted;
                d[i] = rotated(d[i], 11);
            }
        std::memcpy(s[0], a, sizeof a), std::memcpy(s[1], b, sizeof b);
        std::memcpy(s[2], c, sizeof c), std::memcpy(s[3], d, sizeof d);
    }

    static float as_float(std::uint32_t bits) {
        float x;
        std::memcpy(&x, &bits, sizeof x);
        return x;
    }
    static std::uint32_t as_bits(float x) {
        std::uint32_t bits;
        std::memcpy(&bits, &x, sizeof bits);
        return bits;
    }

    // `count` normals, a multiple of 2 * lanes and at most 2 * batch.
    void fill_normals(float* __restrict out, int count) {
        const int pairs = count / 2;
        fill_words(words, count);
        const std::uint32_t *radial = words, *turn = words + pairs;
        float* __restrict second = out + pairs;
        for (int i = 0; i < pairs; i++) {
            // u in (0, 1] with the relative resolution of a float, so that the tail reaches 6.8 standard deviations;
            // u = m 2^e with m in [sqrt(1/2), sqrt(2)).
            const float u = float(radial[i]) * 0x1p-32f + 0x1p-33f;
            const std::uint32_t bits = as_bits(u) - 0x3f3504f3u;
            const float e = float(std::int32_t(bits) >> 23);
            const float x = as_float((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
            float log = -0.23791892f;  // -2 log(1 + x) / x
            log = log * x + 0.37335591f;
            log = log * x - 0.40992700f;
            log = log * x + 0.49819502f;
            log = log * x - 0.66629016f;
            log = log * x + 1.00002225f;
            log = log * x - 2.00000195f;
            const float square = log * x - 1.38629436f * e;
            const float radius = std::sqrt(square > 0 ? square : 0.0f);
            // Half a turn, and a sign for the other half.
            const float t = float(std::int32_t(turn[i])) * 0x1p-32f, w = t * t;
            float sine = -0.55839603f;
            sine = sine * w + 2.54360495f;
            sine = sine * w - 5.16736781f;
            sine = sine * w + 3.14158970f;
            float cosine = -0.21648633f;
            cosine = cosine * w + 1.27603650f;
            cosine = cosine * w - 3.73910740f;
            cosine = cosine * w + 3.99999917f;
            out[i] = as_float(as_bits(radius * (cosine * (0.25f - w))) ^ (turn[i] << 31));
            second[i] = radius * (sine * t);
        }
    }
};
