// Random subsets of 0 … total-1, given in ascending order: the draws behind Brian2's `sample` and `p=`.
#ifndef SSNBRIAN_SUBSETS_H
#define SSNBRIAN_SUBSETS_H

#include <cmath>
#include <cstdint>
#include <vector>

namespace ssnbrian {

// `size` of `total` numbers without replacement. Numbers are drawn and marked until there are enough; above one half
// the numbers left out are drawn instead, so that on average at most 1.4 draws are made for each.
class FixedSizeSubset {
public:
    template <class Uniform>
    void draw(std::int64_t total, std::int64_t size, const Uniform& uniform) {
        words_.assign((total + 63) / 64, 0);
        const bool complement = size > total / 2;
        for (std::int64_t missing = complement ? total - size : size; missing > 0;) {
            const std::int64_t number = static_cast<std::int64_t>(uniform() * total);
            std::uint64_t& word = words_[number / 64];
            const std::uint64_t bit = std::uint64_t(1) << (number % 64);
            missing -= (word & bit) == 0;
            word |= bit;
        }
        if (complement) {
            for (std::uint64_t& word : words_) word = ~word;
            if (total % 64) words_.back() &= (std::uint64_t(1) << (total % 64)) - 1;
        }
        word_ = 0;
        left_ = words_.empty() ? 0 : words_[0];
    }

    // The next number; false when there is none.
    bool next(std::int64_t& number) {
        while (left_ == 0) {
            if (++word_ >= words_.size()) return false;
            left_ = words_[word_];
        }
        number = static_cast<std::int64_t>(word_) * 64 + __builtin_ctzll(left_);
        left_ &= left_ - 1;
        return true;
    }

private:
    std::vector<std::uint64_t> words_;
    std::uint64_t left_ = 0;
    std::size_t word_ = 0;
};

// Each of `total` numbers with probability p, independently.
class BernoulliSubset {
public:
    void draw(std::int64_t total, double p) {
        total_ = total;
        p_ = p;
        // The gap to the next number is geometric; for large p testing every number is cheaper than its logarithm.
        jump_ = p < 0.25;
        scale_ = jump_ && p > 0 ? 1.0 / std::log1p(-p) : 0.0;
        number_ = -1;
    }

    template <class Uniform>
    bool next(std::int64_t& number, const Uniform& uniform) {
        if (!(p_ > 0)) return false;
        if (jump_) {
            const double gap = std::floor(std::log(uniform()) * scale_);
            if (!(gap < static_cast<double>(total_ - number_ - 1))) return false;
            number_ += 1 + static_cast<std::int64_t>(gap);
        } else {
            do {
                if (++number_ >= total_) return false;
            } while (uniform() >= p_);
        }
        number = number_;
        return number_ < total_;
    }

private:
    std::int64_t total_ = 0, number_ = -1;
    double p_ = 0.0, scale_ = 0.0;
    bool jump_ = false;
};

}  // namespace ssnbrian

#endif
