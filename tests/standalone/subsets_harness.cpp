// Counts made with subsets.h, judged by test_rows.py. One line of JSON per case; what must hold for every draw is
// tested here: ascending distinct numbers in range, as many as wanted.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "subsets.h"

typedef std::vector<std::int64_t> Numbers;

struct Uniform {
    std::mt19937_64* engine;
    double operator()() const { return (static_cast<double>((*engine)() >> 12) + 0.5) * 2.220446049250313e-16; }
};

static void fail(const std::string& what) {
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
    std::exit(1);
}

static void check(const Numbers& numbers, std::int64_t total) {
    for (std::size_t k = 0; k < numbers.size(); k++) {
        if (numbers[k] < 0 || numbers[k] >= total) fail("number out of range");
        if (k && numbers[k] <= numbers[k - 1]) fail("numbers do not ascend");
    }
}

// The subset objects are used again for every draw, as generated code does.
class Fixed {
public:
    Fixed(std::int64_t total, std::int64_t size) : total_(total), size_(size) {}
    void draw(Numbers& out, const Uniform& uniform) {
        subset_.draw(total_, size_, uniform);
        out.clear();
        for (std::int64_t number; subset_.next(number);) out.push_back(number);
        if (static_cast<std::int64_t>(out.size()) != size_) fail("another number of numbers than wanted");
    }

private:
    std::int64_t total_, size_;
    ssnbrian::FixedSizeSubset subset_;
};

class Bernoulli {
public:
    Bernoulli(std::int64_t total, double p) : total_(total), p_(p) {}
    void draw(Numbers& out, const Uniform& uniform) {
        subset_.draw(total_, p_);
        out.clear();
        for (std::int64_t number; subset_.next(number, uniform);) out.push_back(number);
    }

private:
    std::int64_t total_;
    double p_;
    ssnbrian::BernoulliSubset subset_;
};

static void print(const char* name, const std::vector<double>& values) {
    std::printf(", \"%s\": [", name);
    for (std::size_t k = 0; k < values.size(); k++) std::printf("%s%.17g", k ? ", " : "", values[k]);
    std::printf("]");
}

// How often each number, each number together with the next one, each number of numbers and, where there are few,
// each subset (as bits) came.
template <class Subset>
static void count(const char* kind, Subset subset, std::int64_t total, double parameter, long draws, unsigned seed) {
    std::mt19937_64 engine(seed);
    const Uniform uniform = {&engine};
    std::vector<double> single(total), neighbours(total > 0 ? total - 1 : 0), sizes(total + 1);
    std::vector<double> subsets(total <= 8 ? std::size_t(1) << total : 0), pairs(total <= 100 ? total * total : 0);
    Numbers numbers;
    for (long draw = 0; draw < draws; draw++) {
        subset.draw(numbers, uniform);
        check(numbers, total);
        sizes[numbers.size()]++;
        std::size_t bits = 0;
        for (std::size_t k = 0; k < numbers.size(); k++) {
            single[numbers[k]]++;
            if (k && numbers[k] == numbers[k - 1] + 1) neighbours[numbers[k - 1]]++;
            if (!subsets.empty()) bits |= std::size_t(1) << numbers[k];
        }
        if (!subsets.empty()) subsets[bits]++;
        // Of two numbers chosen, or left out, the pair.
        if (pairs.empty()) continue;
        if (numbers.size() == 2) pairs[numbers[0] * total + numbers[1]]++;
        if (static_cast<std::int64_t>(numbers.size()) == total - 2 && total > 4) {
            Numbers left;
            for (std::int64_t number = 0, k = 0; number < total; number++)
                if (k < static_cast<std::int64_t>(numbers.size()) && numbers[k] == number)
                    k++;
                else
                    left.push_back(number);
            pairs[left[0] * total + left[1]]++;
        }
    }
    std::printf("{\"kind\": \"%s\", \"total\": %ld, \"parameter\": %.17g, \"draws\": %ld", kind,
                static_cast<long>(total), parameter, draws);
    print("single", single);
    print("neighbours", neighbours);
    print("sizes", sizes);
    print("subsets", subsets);
    print("pairs", pairs);
    std::printf("}\n");
}

struct Given {
    double value;
    double operator()() const { return value; }
};

// The ends of the range of uniform numbers, and totals beyond 32 bits.
static void extremes() {
    const double ends[] = {1.1102230246251565e-16, 1.0 - 1.1102230246251565e-16};
    const double chances[] = {1e-300, 1e-17, 1e-3, 0.2499999, 0.25, 0.6, 1.0 - 1e-16};
    for (double end : ends)
        for (double p : chances) {
            const Given uniform = {end};
            ssnbrian::BernoulliSubset subset;
            subset.draw(1000, p);
            Numbers numbers;
            for (std::int64_t number; subset.next(number, uniform);) numbers.push_back(number);
            check(numbers, 1000);
        }
    std::mt19937_64 engine(1);
    const Uniform uniform = {&engine};
    const std::int64_t total = std::int64_t(1) << 40;
    ssnbrian::BernoulliSubset rare;
    rare.draw(total, 1e-9);
    Numbers numbers;
    for (std::int64_t number; rare.next(number, uniform);) numbers.push_back(number);
    check(numbers, total);
    if (numbers.size() < 900 || numbers.size() > 1300 || numbers.back() < total / 2) fail("rare numbers of many");
    for (std::int64_t size : {std::int64_t(1), std::int64_t(1000)}) {
        ssnbrian::FixedSizeSubset all;
        const Given last = {1.0 - 1.1102230246251565e-16};
        if (size == 1) all.draw(1000003, size, last);
        else all.draw(size, size, last);
        std::int64_t number = -1, found = 0;
        while (all.next(number)) found++;
        if (found != size || number != (size == 1 ? 1000002 : 999)) fail("the last number");
    }
}

int main() {
    extremes();
    for (std::int64_t total : {0, 1, 2, 63, 64, 65, 1000})
        for (std::int64_t size : {std::int64_t(0), std::int64_t(1), total / 2, total / 2 + 1, total - 1, total})
            if (size >= 0 && size <= total) count("edges", Fixed(total, size), total, static_cast<double>(size), 3, 1);
    for (std::int64_t size = 1; size < 7; size++)
        count("fixed", Fixed(7, size), 7, static_cast<double>(size), 40000, 2);
    for (std::int64_t size : {2, 64}) count("pairs", Fixed(66, size), 66, static_cast<double>(size), 200000, 3);
    for (std::int64_t size : {5, 50, 100, 101, 190})
        count("fixed", Fixed(200, size), 200, static_cast<double>(size), 20000, 4);
    for (std::int64_t total : {0, 1, 64, 1000})
        for (double p : {0.0, 1.0}) count("certain", Bernoulli(total, p), total, p, 20, 5);
    for (double p : {1e-3, 0.1, 0.25, 0.6}) {
        count("bernoulli", Bernoulli(6, p), 6, p, 200000, 6);
        count("bernoulli", Bernoulli(1000, p), 1000, p, 10000, 7);
    }
    return 0;
}
