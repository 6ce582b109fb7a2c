// Raw words of random_numbers.h on standard output, for random_number_battery.py: SEED [LANE]. Without a lane all
// lanes are written, step by step. It ends when nobody reads any more.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "random_numbers.h"

int main(int count, char** arguments) {
    using ssnbrian::RandomBlock;
    const unsigned draws = 4096;
    const int lane = count > 2 ? std::atoi(arguments[2]) : -1;
    static RandomBlock generator;
    generator.seed(std::strtoull(arguments[1], nullptr, 10));
    std::vector<std::uint32_t> words(draws * RandomBlock::lanes), one(draws);
    for (;;) {
        generator.fill_words(words.data(), draws);
        for (unsigned draw = 0; lane >= 0 && draw < draws; draw++) one[draw] = words[draw * RandomBlock::lanes + lane];
        const std::vector<std::uint32_t>& out = lane >= 0 ? one : words;
        if (std::fwrite(out.data(), sizeof out[0], out.size(), stdout) != out.size()) return 0;
    }
}
