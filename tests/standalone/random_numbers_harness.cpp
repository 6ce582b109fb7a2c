// Counts for tests/standalone/test_random_numbers.py: the sums are made here, the judgement is made there.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "random_numbers.h"

// In another translation unit, to show that the process has one generator.
double normal_from_elsewhere();

static void print(const char* name, const std::vector<double>& values) {
    std::printf("%s", name);
    for (double value : values) std::printf(" %.17g", value);
    std::printf("\n");
}

static const int lags[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,  17,  18,
                           19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 48, 64, 512, 1024};
static const int number_of_lags = sizeof lags / sizeof *lags, longest = 1024, block = 1 << 16;

static void normals(std::uint64_t seed, long n, const char* bounds_file) {
    const double levels[] = {3, 4, 5, 5.5};
    std::vector<double> moments(6), tails(8), products(number_of_lags), bins(4096), bounds(4095);
    // Cells of (z[i], z[i + 1]) and of the two normals that come from one radius, half a generator block apart.
    std::vector<double> pairs(64 * 64), partners(64 * 64);
    std::FILE* file = std::fopen(bounds_file, "rb");
    if (!file || std::fread(bounds.data(), sizeof(double), bounds.size(), file) != bounds.size()) std::exit(2);
    std::fclose(file);
    // First guess of the bin by a fine table, so that 1e8 numbers do not need 1e8 binary searches.
    const int cells = 1 << 16;
    std::vector<int> first(cells + 1);
    for (int cell = 0; cell <= cells; cell++)
        first[cell] = int(std::upper_bound(bounds.begin(), bounds.end(), cell / 4096. - 8) - bounds.begin());
    ssnbrian::RandomBlock generator;
    generator.seed(seed);
    std::vector<double> z(longest + block);
    std::vector<int> coarse(block);
    generator.normals(z.data(), longest);
    for (long done = 0; done < n; done += block) {
        generator.normals(z.data() + longest, block);
        double sums[6] = {}, above[4] = {}, below[4] = {};
        for (int i = longest; i < longest + block; i++) {
            const double x = z[i], xx = x * x;
            sums[0] += x;
            sums[1] += xx;
            sums[2] += xx * x;
            sums[3] += xx * xx;
            sums[4] += xx * xx * x;
            sums[5] += xx * xx * xx;
            for (int k = 0; k < 4; k++) {
                above[k] += x > levels[k];
                below[k] += x < -levels[k];
            }
        }
        for (int k = 0; k < 6; k++) moments[k] += sums[k];
        for (int k = 0; k < 4; k++) {
            tails[k] += above[k];
            tails[4 + k] += below[k];
        }
        for (int i = longest; i < longest + block; i++) {
            int bin = first[std::min(std::max(int((z[i] + 8) * 4096), 0), cells)];
            while (bin < 4095 && z[i] >= bounds[bin]) bin++;
            bins[bin]++;
            coarse[i - longest] = bin / 64;
        }
        for (int i = 0; i < block; i += 2) pairs[coarse[i] * 64 + coarse[i + 1]]++;
        const int size = ssnbrian::RandomBlock::size, half = size / 2;
        for (int i = 0; i < block; i += size)
            for (int j = i; j < i + half; j++) partners[coarse[j] * 64 + coarse[j + half]]++;
        for (int k = 0; k < number_of_lags; k++) {
            double sum = 0;
            for (int i = longest; i < longest + block; i++) sum += z[i] * z[i - lags[k]];
            products[k] += sum;
        }
        std::memmove(z.data(), z.data() + block, longest * sizeof(double));
    }
    print("moments", moments);
    print("tails", tails);
    print("bins", bins);
    print("pairs", pairs);
    print("partners", partners);
    print("lags", std::vector<double>(lags, lags + number_of_lags));
    print("products", products);
}

static void draw(ssnbrian::RandomBlock& generator, double* out, int n) { generator.uniforms(out, n); }
static void draw(ssnbrian::RandomBlock& generator, float* out, int n) { generator.float_uniforms(out, n); }

template <class Number>
static void uniforms(std::uint64_t seed, long n) {
    std::vector<double> bins(4096), pairs(64 * 64), lane_pairs(64 * 64), ends(2), moments(4), products(number_of_lags);
    ends[0] = 1;
    ssnbrian::RandomBlock generator;
    generator.seed(seed);
    std::vector<Number> u(block);
    std::vector<double> centred(longest + block);
    draw(generator, u.data(), longest);
    for (int i = 0; i < longest; i++) centred[i] = double(u[i]) - 0.5;
    for (long done = 0; done < n; done += block) {
        draw(generator, u.data(), block);
        double sums[4] = {};
        for (int i = 0; i < block; i++) {
            const double x = centred[longest + i] = double(u[i]) - 0.5;
            sums[0] += x;
            sums[1] += x * x;
            sums[2] += x * x * x;
            sums[3] += x * x * x * x;
        }
        for (int k = 0; k < 4; k++) moments[k] += sums[k];
        for (int i = 0; i < block; i++) {
            bins[int(u[i] * 4096)]++;
            ends[0] = std::min(ends[0], double(u[i]));
            ends[1] = std::max(ends[1], double(u[i]));
        }
        for (int i = 0; i < block; i += 2) pairs[int(u[i] * 64) * 64 + int(u[i + 1] * 64)]++;
        for (int i = 0; i < block; i += 32)
            for (int j = i; j < i + 16; j++) lane_pairs[int(u[j] * 64) * 64 + int(u[j + 16] * 64)]++;
        for (int k = 0; k < number_of_lags; k++) {
            double sum = 0;
            for (int i = longest; i < longest + block; i++) sum += centred[i] * centred[i - lags[k]];
            products[k] += sum;
        }
        std::memmove(centred.data(), centred.data() + block, longest * sizeof(double));
    }
    print("bins", bins);
    print("pairs", pairs);
    print("lane_pairs", lane_pairs);
    print("ends", ends);
    print("moments", moments);
    print("products", products);
}

// The same numbers, taken in turn one by one, in bulk and in runs, in amounts that cross and that fill blocks.
static std::vector<double> mixed_normals(ssnbrian::RandomBlock& generator, int n) {
    std::vector<double> all(n + 8000);
    std::vector<float> floats(3001);
    for (int i = 0; i < n;) {
        for (int k = 0; k < 7; k++) all[i++] = generator.normal();
        generator.normals(floats.data(), floats.size());
        for (float z : floats) all[i++] = z;
        generator.normals(all.data() + i, 500);
        i += 500;
        for (std::size_t left = 1500, run; left; left -= run) {
            const float* z = generator.normal_run(run = left);
            for (std::size_t k = 0; k < run; k++) all[i++] = z[k];
        }
    }
    all.resize(n);
    return all;
}

static std::vector<double> mixed_uniforms(ssnbrian::RandomBlock& generator, int n) {
    std::vector<double> all(n + 8000);
    std::vector<float> floats(3001);
    for (int i = 0; i < n;) {
        for (int k = 0; k < 7; k++) all[i++] = generator.float_uniform();
        generator.float_uniforms(floats.data(), floats.size());
        for (float u : floats) all[i++] = u;
        for (std::size_t left = 1500, run; left; left -= run) {
            const float* u = generator.float_uniform_run(run = left);
            for (std::size_t k = 0; k < run; k++) all[i++] = u[k];
        }
    }
    all.resize(n);
    return all;
}

static void stream(std::uint64_t seed, int n) {
    ssnbrian::RandomBlock first, second, third;
    first.seed(seed);
    second.seed(seed);
    std::vector<double> single(n), bulk(n);
    for (int i = 0; i < n; i++) single[i] = first.uniform();
    for (int i = 0; i < n; i += 700) second.uniforms(bulk.data() + i, std::min(700, n - i));
    print("uniforms", single);
    print("bulk_uniforms", bulk);
    first.seed(seed);
    second.seed(seed);
    for (int i = 0; i < n; i++) single[i] = first.normal();
    for (int i = 0; i < n; i += 700) second.normals(bulk.data() + i, std::min(700, n - i));
    print("normals", single);
    print("bulk_normals", bulk);
    first.seed(seed);
    print("mixed_normals", mixed_normals(first, n));
    first.seed(seed);
    for (int i = 0; i < n; i++) single[i] = first.float_uniform();
    print("float_uniforms", single);
    first.seed(seed);
    print("mixed_float_uniforms", mixed_uniforms(first, n));
    ssnbrian::generator().seed(seed);
    std::vector<double> shared(2);
    shared[0] = ssnbrian::generator().normal();
    shared[1] = normal_from_elsewhere();
    print("shared", shared);
    std::vector<double> unseeded(2);
    unseeded[0] = third.seeded();
    unseeded[1] = third.normal();
    print("unseeded", unseeded);
}

// The transform of every `stride`-th word.
static void transform(std::uint32_t stride) {
    std::vector<double> words, squares, cosines, sines;
    for (std::uint64_t word = 1; word >> 32 == 0; word += stride) {
        float cosine, sine;
        ssnbrian::RandomBlock::direction(std::uint32_t(word), cosine, sine);
        words.push_back(double(word));
        squares.push_back(ssnbrian::RandomBlock::squared_radius(std::uint32_t(word)));
        cosines.push_back(cosine);
        sines.push_back(sine);
    }
    print("words", words);
    print("squares", squares);
    print("cosines", cosines);
    print("sines", sines);
    std::vector<double> extended;
    for (std::uint32_t word : {0U, 1U, 65535U, 0xffff0000U, 0xffffffffU})
        for (std::uint32_t more : {0U, 1U, 0x80000000U, 0xffffffffU})
            extended.push_back(ssnbrian::RandomBlock::extended_radius(word, more));
    print("extended", extended);
}

// Sums over all words that a block uses as they are, those of the radius in steps of two, because the lowest bit
// is not used, and over all angles of a half circle.
static void exhaustive() {
    const std::uint64_t end = 1 << 16, words = std::uint64_t(1) << 32;
    std::vector<double> squares(2), directions(6);
    for (std::uint64_t start = end; start < words - end; start += end) {
        double sums[2] = {};
        for (std::uint32_t k = 0; k < end; k += 2) {
            const double square = ssnbrian::RandomBlock::squared_radius(std::uint32_t(start) + k);
            sums[0] += square;
            sums[1] += square * square;
        }
        squares[0] += sums[0];
        squares[1] += sums[1];
    }
    for (std::uint32_t k = 0; k < 1U << 24; k++) {
        float c, s;
        ssnbrian::RandomBlock::direction(k << 8, c, s);
        const double cosine = c, sine = s, terms[] = {sine, cosine * sine, cosine * cosine, sine * sine,
                                                      cosine * cosine * cosine * cosine, sine * sine * sine * sine};
        for (int j = 0; j < 6; j++) directions[j] += terms[j];
    }
    print("squares", squares);
    print("directions", directions);
}

int main(int, char** arguments) {
    const std::uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
    const long n = std::atol(arguments[3]);
    if (!std::strcmp(arguments[1], "normals")) normals(seed, n, arguments[4]);
    if (!std::strcmp(arguments[1], "uniforms")) uniforms<double>(seed, n);
    if (!std::strcmp(arguments[1], "float_uniforms")) uniforms<float>(seed, n);
    if (!std::strcmp(arguments[1], "stream")) stream(seed, int(n));
    if (!std::strcmp(arguments[1], "transform")) transform(std::uint32_t(n));
    if (!std::strcmp(arguments[1], "exhaustive")) exhaustive();
    return 0;
}
