// The targets of each source neuron, row by row.
//
// Two forms: bit rows (one bit per pair; the cost of a spike does not depend on the number of its targets) and lists
// of targets in 16 or 32 bits (better below a connection probability of about 1/16). A pair that is connected twice
// needs lists.
#ifndef SSNBRIAN_ROWS_H
#define SSNBRIAN_ROWS_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#if defined(__AVX512BW__) && !defined(SSNBRIAN_PORTABLE)
#include <immintrin.h>
#endif

namespace ssnbrian {

const double sparsest_bits = 1.0 / 16;

// Adds the bits of a row to one byte per target.
inline void add_bits(const std::uint64_t* row, std::size_t words, std::uint8_t* counts) {
#if defined(__AVX512BW__) && !defined(SSNBRIAN_PORTABLE)
    const __m512i minus_one = _mm512_set1_epi8(-1);
    for (std::size_t k = 0; k < words; k++) {
        const __m512i old = _mm512_loadu_si512(counts + 64 * k);
        _mm512_storeu_si512(counts + 64 * k, _mm512_mask_sub_epi8(old, row[k], old, minus_one));
    }
#else
    // A byte of the row is copied to eight bytes, in each of which another bit is kept and moved to the lowest place.
    for (std::size_t k = 0; k < words; k++)
        for (unsigned byte = 0; byte < 8; byte++) {
            const std::uint64_t copies = ((row[k] >> (8 * byte)) & 0xff) * 0x0101010101010101ULL;
            const std::uint64_t kept = copies & 0x8040201008040201ULL;
            const std::uint64_t ones = ((kept + 0x00406070787c7e7fULL) >> 7) & 0x0101010101010101ULL;
            std::uint64_t old;
            std::memcpy(&old, counts + 64 * k + 8 * byte, 8);
            old += ones;
            std::memcpy(counts + 64 * k + 8 * byte, &old, 8);
        }
#endif
}

class Rows {
public:
    // `by_target`: pairs arrive ordered by target (and not by source). `density` is the expected share of connected
    // pairs, negative when unknown: then bits are tried where they take at most 256 MiB.
    void start(std::size_t sources, std::size_t targets, bool by_target, double density) {
        sources_ = sources;
        targets_ = targets;
        by_target_ = by_target;
        count_ = 0;
        words_ = (targets + 511) / 512 * 8;
        bits_.clear();
        block_.clear();
        first_.clear();
        short_.clear();
        long_.clear();
        pairs_first_.clear();
        pairs_other_.clear();
        const std::size_t bytes = sources * words_ * 8;
        building_bits_ = density < 0 ? bytes <= (std::size_t(1) << 28)
                                     : density >= sparsest_bits && bytes <= (std::size_t(1) << 34);
        if (building_bits_) {
            bits_.assign(sources * words_, 0);
            if (by_target) block_.assign(sources * 8, 0);
        }
        block_number_ = 0;
    }

    void add(std::size_t source, std::size_t target) {
        count_++;
        if (!building_bits_) {
            pairs_first_.push_back(static_cast<std::uint32_t>(source));
            pairs_other_.push_back(static_cast<std::uint32_t>(target));
            return;
        }
        std::uint64_t* word;
        // Ordered by target, the bits of 512 targets are collected in a block that stays in the cache.
        if (by_target_) {
            if (target / 512 != block_number_) {
                write_block();
                block_number_ = target / 512;
            }
            word = &block_[source * 8 + target / 64 % 8];
        } else {
            word = &bits_[source * words_ + target / 64];
        }
        const std::uint64_t bit = std::uint64_t(1) << (target % 64);
        if (*word & bit) {
            become_pairs();
            pairs_first_.push_back(static_cast<std::uint32_t>(source));
            pairs_other_.push_back(static_cast<std::uint32_t>(target));
            return;
        }
        *word |= bit;
    }

    void finish() {
        if (building_bits_) {
            if (by_target_) write_block();
            std::vector<std::uint64_t>().swap(block_);
            const double pairs = static_cast<double>(sources_) * static_cast<double>(targets_);
            if (static_cast<double>(count_) >= sparsest_bits * pairs) return;
            become_pairs();
        }
        sort_pairs();
    }

    // Rows of given pairs; no form is chosen, they are lists.
    void from_pairs(std::size_t sources, std::size_t targets, const std::int32_t* source, const std::int32_t* target,
                    std::size_t count, std::int32_t source_offset) {
        start(sources, targets, false, 0.0);
        for (std::size_t k = 0; k < count; k++) add(source[k] - source_offset, target[k]);
        finish();
    }

    std::size_t sources() const { return sources_; }
    std::size_t targets() const { return targets_; }
    std::size_t count() const { return count_; }
    bool are_bits() const { return !bits_.empty(); }
    const char* form() const { return are_bits() ? "bit rows" : targets_ <= 65536 ? "16-bit lists" : "32-bit lists"; }
    std::size_t words() const { return words_; }
    const std::uint64_t* bits(std::size_t source) const { return &bits_[source * words_]; }

    // Calls visit(target) for every target of a source.
    template <class Visit>
    void each(std::size_t source, const Visit& visit) const {
        if (are_bits()) {
            const std::uint64_t* row = bits(source);
            for (std::size_t k = 0; k < words_; k++)
                for (std::uint64_t left = row[k]; left; left &= left - 1)
                    visit(static_cast<std::int32_t>(64 * k + __builtin_ctzll(left)));
        } else if (!short_.empty()) {
            for (std::size_t k = first_[source]; k < first_[source + 1]; k++) visit(static_cast<std::int32_t>(short_[k]));
        } else if (!long_.empty()) {
            for (std::size_t k = first_[source]; k < first_[source + 1]; k++) visit(static_cast<std::int32_t>(long_[k]));
        }
    }

    // The pairs as Brian2 stores them, two files of int32, sorted by source.
    bool write(const std::string& sources_file, const std::string& targets_file, std::int32_t source_offset) const {
        std::ofstream sources(sources_file.c_str(), std::ios::binary), targets(targets_file.c_str(), std::ios::binary);
        std::vector<std::int32_t> row;
        for (std::size_t source = 0; source < sources_ && count_; source++) {
            row.clear();
            each(source, [&](std::int32_t target) { row.push_back(target); });
            const std::streamsize bytes = static_cast<std::streamsize>(row.size() * sizeof(std::int32_t));
            targets.write(reinterpret_cast<const char*>(row.data()), bytes);
            std::fill(row.begin(), row.end(), static_cast<std::int32_t>(source) + source_offset);
            sources.write(reinterpret_cast<const char*>(row.data()), bytes);
        }
        return sources.flush() && targets.flush();
    }

private:
    void write_block() {
        if (block_number_ * 8 >= words_) return;
        for (std::size_t source = 0; source < sources_; source++) {
            std::uint64_t* row = &bits_[source * words_ + block_number_ * 8];
            for (unsigned k = 0; k < 8; k++) row[k] |= block_[source * 8 + k];
        }
        std::fill(block_.begin(), block_.end(), 0);
    }

    void become_pairs() {
        if (by_target_ && !block_.empty()) write_block();
        for (std::size_t source = 0; source < sources_; source++)
            each(source, [&](std::int32_t target) {
                pairs_first_.push_back(static_cast<std::uint32_t>(source));
                pairs_other_.push_back(static_cast<std::uint32_t>(target));
            });
        std::vector<std::uint64_t>().swap(bits_);
        std::vector<std::uint64_t>().swap(block_);
        building_bits_ = false;
    }

    template <class Index>
    void distribute(std::vector<Index>& lists) {
        lists.resize(count_);
        std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
        for (std::size_t k = 0; k < count_; k++)
            lists[next[pairs_first_[k]]++] = static_cast<Index>(pairs_other_[k]);
    }

    void sort_pairs() {
        first_.assign(sources_ + 1, 0);
        for (std::uint32_t source : pairs_first_) first_[source + 1]++;
        for (std::size_t source = 0; source < sources_; source++) first_[source + 1] += first_[source];
        if (targets_ <= 65536)
            distribute(short_);
        else
            distribute(long_);
        std::vector<std::uint32_t>().swap(pairs_first_);
        std::vector<std::uint32_t>().swap(pairs_other_);
    }

    std::size_t sources_ = 0, targets_ = 0, count_ = 0, words_ = 0, block_number_ = 0;
    bool by_target_ = false, building_bits_ = false;
    std::vector<std::uint64_t> bits_, block_;
    std::vector<std::size_t> first_;
    std::vector<std::uint16_t> short_;
    std::vector<std::uint32_t> long_;
    std::vector<std::uint32_t> pairs_first_, pairs_other_;
};

}  // namespace ssnbrian

#endif
