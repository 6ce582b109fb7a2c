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

static void normals(std::uint64_t seed, long n, const char* bounds_file) {
    static const int lags[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,  17,  18,
                               19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 48, 64, 512, 1024};
    const int number_of_lags = sizeof lags / sizeof *lags, longest = 1024, block = 1 << 16;
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

static void uniforms(std::uint64_t seed, long n) {
    std::vector<double> bins(4096), pairs(64 * 64), lane_pairs(64 * 64), ends(2);
    ends[0] = 1;
    ssnbrian::RandomBlock generator;
    generator.seed(seed);
    std::vector<double> u(1024);
    for (long done = 0; done < n; done += 1024) {
        generator.uniforms(u.data(), 1024);
        for (int i = 0; i < 1024; i++) {
            bins[int(u[i] * 4096)]++;
            ends[0] = std::min(ends[0], u[i]);
            ends[1] = std::max(ends[1], u[i]);
        }
        for (int i = 0; i < 1024; i += 2) pairs[int(u[i] * 64) * 64 + int(u[i + 1] * 64)]++;
        for (int i = 0; i < 1024; i += 32)
            for (int j = i; j < i + 16; j++) lane_pairs[int(u[j] * 64) * 64 + int(u[j + 16] * 64)]++;
    }
    print("bins", bins);
    print("pairs", pairs);
    print("lane_pairs", lane_pairs);
    print("ends", ends);
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

int main(int, char** arguments) {
    const std::uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
    const long n = std::atol(arguments[3]);
    if (!std::strcmp(arguments[1], "normals")) normals(seed, n, arguments[4]);
    if (!std::strcmp(arguments[1], "uniforms")) uniforms(seed, n);
    if (!std::strcmp(arguments[1], "stream")) stream(seed, int(n));
    return 0;
}
