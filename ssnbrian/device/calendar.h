// The spikes on their way to each target, counted, where delays differ.
//
// Delays of many milliseconds make a table of all steps and targets larger than the cache, and every spike would touch
// it in hundreds of places. So spikes are first appended to the list of the 16 steps in which they arrive, and put
// into a table of 16 steps when those begin.
#ifndef SSNBRIAN_CALENDAR_H
#define SSNBRIAN_CALENDAR_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ssnbrian {

class Calendar {
public:
    // The most targets; the four bits above hold the step within 16.
    static const std::size_t most_targets = std::size_t(1) << 28;

    // Empty, for `targets` targets and delays of at most `longest` steps.
    void start(std::size_t targets, int longest) {
        targets_ = targets;
        blocks_.assign((15 + static_cast<std::size_t>(longest)) / 16 + 1, std::vector<std::uint32_t>());
        table_.assign(16 * targets, 0);
        counted_ = step_ = 0;
        block_ = 0;
    }

    void stop() {
        blocks_.clear();
        std::vector<std::uint16_t>().swap(table_);
        counted_ = 0;
    }

    bool running() const { return !blocks_.empty(); }

    // To the next step.
    void advance() {
        counted_ &= ~(1U << step_);
        if (++step_ < 16) return;
        step_ = 0;
        block_ = block_ + 1 == blocks_.size() ? 0 : block_ + 1;
        for (std::uint32_t event : blocks_[block_]) {
            table_[(event >> 28) * targets_ + (event & 0xfffffffU)]++;
            counted_ |= 1U << (event >> 28);
        }
        blocks_[block_].clear();
    }

    void add(unsigned delay, std::uint32_t target) {
        const unsigned at = step_ + delay;
        if (at < 16) {
            table_[at * targets_ + target]++;
            counted_ |= 1U << at;
            return;
        }
        std::size_t block = block_ + at / 16;
        if (block >= blocks_.size()) block -= blocks_.size();
        blocks_[block].push_back((at % 16) << 28 | target);
    }

    // Calls effect(target, number) for all targets if any spike arrives in this step.
    template <class Effect>
    void deliver(const Effect& effect) {
        if (!(counted_ >> step_ & 1U)) return;
        std::uint16_t* counts = &table_[step_ * targets_];
        const std::int32_t targets = static_cast<std::int32_t>(targets_);
        for (std::int32_t target = 0; target < targets; target++) effect(target, static_cast<double>(counts[target]));
        std::fill(counts, counts + targets_, 0);
        counted_ &= ~(1U << step_);
    }

    // Calls visit(steps from now, target) for every spike that arrives after this step.
    template <class Visit>
    void each(const Visit& visit) const {
        for (unsigned at = step_ + 1; at < 16 && running(); at++)
            for (std::size_t target = 0; target < targets_; target++)
                for (unsigned k = 0; k < table_[at * targets_ + target]; k++) visit(at - step_, target);
        for (std::size_t ahead = 1; ahead < blocks_.size(); ahead++)
            for (std::uint32_t event : blocks_[(block_ + ahead) % blocks_.size()])
                visit(static_cast<unsigned>(16 * ahead + (event >> 28)) - step_, event & 0xfffffffU);
    }

private:
    std::size_t targets_ = 0, block_ = 0;
    unsigned step_ = 0, counted_ = 0;
    std::vector<std::vector<std::uint32_t>> blocks_;
    std::vector<std::uint16_t> table_;
};

}  // namespace ssnbrian

#endif
