// From the spikes of this step to the synapses whose spikes arrive in this step.
//
// A ring of slots, one per step of delay, holds what is on its way. What stands in a slot depends on the pathway:
//   - one delay for all synapses: the sources that fired;
//   - many delays: the synapses themselves, or, where a spike only adds a shared amount to its target (an additive
//     pathway), the number of spikes per target.
// Additive pathways reach their targets through rows of targets, the others through the synapses of each source.
#ifndef SSNBRIAN_PATHWAY_H
#define SSNBRIAN_PATHWAY_H

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "rows.h"

class SynapticPathway {
public:
    SynapticPathway(std::vector<std::int32_t>& sources, int start, int stop)
        : sources_(sources), start_(start), stop_(stop) {}

    // Called before every run. `rows` are given where the synapses exist as rows only; otherwise `targets` holds the
    // target of every synapse. Spikes on their way keep their arrival times.
    template <class Number>
    void prepare(bool additive, const ssnbrian::Rows* rows, const std::vector<std::int32_t>& targets,
                 const std::vector<Number>& delays, double dt) {
        resolve_pending();
        change_step(dt);
        const std::size_t synapses = rows ? rows->count() : sources_.size();
        const std::size_t neurons = static_cast<std::size_t>(stop_ - start_);
        std::vector<int> steps(delays.size());
        int longest = 0;
        for (std::size_t k = 0; k < delays.size(); k++) {
            steps[k] = static_cast<int>(delays[k] / dt + 0.5);
            longest = std::max(longest, steps[k]);
        }
        one_delay_ = steps.empty() || *std::min_element(steps.begin(), steps.end()) == longest;
        delay_ = longest;
        if (synapses == 0) one_delay_ = true;
        grow_ring(static_cast<std::size_t>(longest) + 1);
        std::size_t target_count = rows ? rows->targets() : 0;
        if (!rows)
            for (std::int32_t target : targets) target_count = std::max(target_count, std::size_t(target) + 1);
        additive_ = additive && (rows || few_per_target(targets, target_count));
        if (additive_) set_targets(target_count);
        rows_ = rows;
        if (!rows) sort_synapses(neurons, steps, targets, target_count);
    }

    void advance() {
        slots_[now_].clear();
        now_ = now_ + 1 == slots_.size() ? 0 : now_ + 1;
    }

    void push(const std::int32_t* spikes, int count) {
        if (count == 0) return;
        const std::int32_t* first = std::lower_bound(spikes, spikes + count, start_);
        const std::int32_t* last = std::lower_bound(first, spikes + count, stop_);
        if (one_delay_) {
            std::vector<std::int32_t>& sources = slot(delay_).sources;
            for (; first != last; ++first) sources.push_back(*first - start_);
        } else if (additive_) {
            for (; first != last; ++first) count_targets(*first - start_);
        } else {
            for (; first != last; ++first) {
                const std::size_t source = static_cast<std::size_t>(*first - start_);
                for (std::size_t k = first_[source]; k < first_[source + 1]; k++)
                    slot(steps_[k]).synapses.push_back(order_[k]);
            }
        }
    }

    bool additive() const { return additive_; }

    // Calls effect(target, number of spikes) for an additive pathway.
    template <class Effect>
    void deliver(const Effect& effect) {
        Slot& due = slots_[now_];
        if (due.counted) {
            std::uint16_t* counts = &counts_[now_ * targets_];
            for (std::size_t target = 0; target < targets_; target++)
                effect(static_cast<std::int32_t>(target), static_cast<double>(counts[target]));
            std::fill(counts, counts + targets_, 0);
        }
        if (due.sources.empty()) return;
        const ssnbrian::Rows& rows = *rows_;
        if (!rows.are_bits()) {
            for (std::int32_t source : due.sources)
                rows.each(source, [&](std::int32_t target) { effect(target, 1.0); });
            return;
        }
        const std::size_t most = 255;
        for (std::size_t begin = 0; begin < due.sources.size(); begin += most) {
            const std::size_t end = std::min(begin + most, due.sources.size());
            std::fill(bytes_.begin(), bytes_.end(), 0);
            for (std::size_t k = begin; k < end; k++)
                ssnbrian::add_bits(rows.bits(due.sources[k]), rows.words(), bytes_.data());
            const std::uint8_t* counts = bytes_.data();
            const std::int32_t targets = static_cast<std::int32_t>(targets_);
            for (std::int32_t target = 0; target < targets; target++)
                effect(target, static_cast<double>(counts[target]));
        }
    }

    // Calls effect(synapse) for every synapse whose spike arrives now, for a pathway that is not additive.
    template <class Effect>
    void deliver_each(const Effect& effect) const {
        const Slot& due = slots_[now_];
        for (std::int32_t source : due.sources) {
            const std::size_t end = first_[source + 1];
            if (in_order_)
                for (std::size_t k = first_[source]; k < end; k++) effect(k);
            else
                for (std::size_t k = first_[source]; k < end; k++) effect(static_cast<std::size_t>(order_[k]));
        }
        for (std::int32_t synapse : due.synapses) effect(static_cast<std::size_t>(synapse));
    }

    // What was chosen, for the report.
    std::string description() const {
        const std::string delays = one_delay_ ? "one delay" : "many delays";
        if (!additive_) return "synapse by synapse, " + delays + (in_order_ ? ", as stored" : ", through an index");
        return "additive, " + delays + ", " + (rows_ && one_delay_ ? rows_->form() : "counts per target");
    }

private:
    struct Slot {
        std::vector<std::int32_t> sources, synapses;
        bool counted = false;
        void clear() {
            sources.clear();
            synapses.clear();
            counted = false;
        }
    };

    Slot& slot(int delay) {
        std::size_t position = now_ + static_cast<std::size_t>(delay);
        if (position >= slots_.size()) position -= slots_.size();
        return slots_[position];
    }

    void count_targets(std::int32_t source) {
        std::size_t k = first_[source];
        for (std::size_t run = run_first_[source]; run < run_first_[source + 1]; run++) {
            std::size_t position = now_ + static_cast<std::size_t>(run_delay_[run]);
            if (position >= slots_.size()) position -= slots_.size();
            slots_[position].counted = true;
            std::uint16_t* counts = &counts_[position * targets_];
            for (; k < run_end_[run]; k++) counts[list_[k]]++;
        }
    }

    static bool few_per_target(const std::vector<std::int32_t>& targets, std::size_t target_count) {
        std::vector<std::size_t> number(target_count, 0);
        for (std::int32_t target : targets)
            if (++number[target] > 65535) return false;
        return true;
    }

    void set_targets(std::size_t targets) {
        if (targets > targets_) {
            const std::size_t slots = counts_.empty() ? 0 : slots_.size();
            std::vector<std::uint16_t> old;
            old.swap(counts_);
            if (slots || !one_delay_) counts_.assign(slots_.size() * targets, 0);
            for (std::size_t k = 0; k < slots; k++)
                std::copy(&old[k * targets_], &old[k * targets_] + targets_, &counts_[k * targets]);
            targets_ = targets;
        } else if (!one_delay_ && counts_.empty()) {
            counts_.assign(slots_.size() * targets_, 0);
        }
        bytes_.resize((targets_ + 511) / 512 * 512);
    }

    // The synapses of each source; with many delays sorted by delay, so that a spike fills one slot after the other.
    void sort_synapses(std::size_t neurons, const std::vector<int>& steps, const std::vector<std::int32_t>& targets,
                       std::size_t target_count) {
        const std::size_t count = sources_.size();
        first_.assign(neurons + 1, 0);
        for (std::int32_t source : sources_) first_[source - start_ + 1]++;
        for (std::size_t k = 0; k < neurons; k++) first_[k + 1] += first_[k];
        in_order_ = one_delay_ && std::is_sorted(sources_.begin(), sources_.end());
        order_.clear();
        if (!in_order_) {
            order_.resize(count);
            std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
            for (std::size_t k = 0; k < count; k++) order_[next[sources_[k] - start_]++] = static_cast<std::int32_t>(k);
        }
        steps_.clear();
        list_.clear();
        if (!one_delay_) {
            for (std::size_t source = 0; source < neurons; source++)
                std::stable_sort(order_.begin() + first_[source], order_.begin() + first_[source + 1],
                                 [&](std::int32_t a, std::int32_t b) { return steps[a] < steps[b]; });
            if (additive_)
                make_runs(neurons, steps, targets);
            else {
                steps_.resize(count);
                for (std::size_t k = 0; k < count; k++) steps_[k] = steps[order_[k]];
            }
        } else if (additive_) {
            own_rows_.start(neurons, std::max<std::size_t>(target_count, 1), false,
                            static_cast<double>(count) / (static_cast<double>(neurons) * target_count + 1));
            for (std::size_t k = 0; k < count; k++) own_rows_.add(sources_[k] - start_, targets[k]);
            own_rows_.finish();
            rows_ = &own_rows_;
        }
    }

    void make_runs(std::size_t neurons, const std::vector<int>& steps, const std::vector<std::int32_t>& targets) {
        list_.resize(order_.size());
        run_first_.assign(1, 0);
        run_delay_.clear();
        run_end_.clear();
        for (std::size_t source = 0; source < neurons; source++) {
            for (std::size_t k = first_[source]; k < first_[source + 1]; k++) {
                list_[k] = targets[order_[k]];
                const int delay = steps[order_[k]];
                if (k == first_[source] || delay != run_delay_.back()) {
                    run_delay_.push_back(delay);
                    run_end_.push_back(k);
                }
                run_end_.back() = k + 1;
            }
            run_first_.push_back(run_delay_.size());
        }
        std::vector<std::int32_t>().swap(order_);
    }

    // Before anything changes, sources on their way become the synapses or targets they stand for. What is due in this
    // step has arrived. Rows that are given do not change.
    void resolve_pending() {
        slots_[now_].clear();
        if (rows_ && rows_ != &own_rows_) return;
        for (std::size_t position = 0; position < slots_.size(); position++) {
            Slot& pending = slots_[position];
            if (pending.sources.empty()) continue;
            if (additive_) {
                if (counts_.empty()) counts_.assign(slots_.size() * targets_, 0);
                pending.counted = true;
                std::uint16_t* counts = &counts_[position * targets_];
                for (std::int32_t source : pending.sources)
                    rows_->each(source, [&](std::int32_t target) { counts[target]++; });
            } else {
                for (std::int32_t source : pending.sources)
                    for (std::size_t k = first_[source]; k < first_[source + 1]; k++)
                        pending.synapses.push_back(in_order_ ? static_cast<std::int32_t>(k) : order_[k]);
            }
            pending.sources.clear();
        }
    }

    void rotate_to_front() {
        std::rotate(slots_.begin(), slots_.begin() + now_, slots_.end());
        if (!counts_.empty()) std::rotate(counts_.begin(), counts_.begin() + now_ * targets_, counts_.end());
        now_ = 0;
    }

    void grow_ring(std::size_t size) {
        if (size <= slots_.size()) return;
        rotate_to_front();
        slots_.resize(size);
        if (!counts_.empty()) counts_.resize(size * targets_, 0);
    }

    void change_step(double dt) {
        if (dt_ != 0.0 && dt_ != dt) {
            rotate_to_front();
            const double factor = dt_ / dt;
            std::vector<Slot> old;
            old.swap(slots_);
            std::vector<std::uint16_t> old_counts;
            old_counts.swap(counts_);
            slots_.resize(static_cast<std::size_t>(old.size() * factor) + 2);
            if (!old_counts.empty()) counts_.assign(slots_.size() * targets_, 0);
            for (std::size_t k = 0; k < old.size(); k++) {
                const std::size_t position = static_cast<std::size_t>(k * factor + 0.5);
                Slot& moved = slots_[position];
                moved.synapses.insert(moved.synapses.end(), old[k].synapses.begin(), old[k].synapses.end());
                moved.sources.insert(moved.sources.end(), old[k].sources.begin(), old[k].sources.end());
                if (!old[k].counted) continue;
                moved.counted = true;
                for (std::size_t target = 0; target < targets_; target++)
                    counts_[position * targets_ + target] += old_counts[k * targets_ + target];
            }
        }
        dt_ = dt;
    }

    std::vector<std::int32_t>& sources_;
    std::int32_t start_, stop_;
    double dt_ = 0.0;
    bool additive_ = false, one_delay_ = true, in_order_ = true;
    int delay_ = 0;
    std::vector<Slot> slots_ = std::vector<Slot>(1);
    std::size_t now_ = 0, targets_ = 0;
    const ssnbrian::Rows* rows_ = nullptr;
    ssnbrian::Rows own_rows_;
    std::vector<std::size_t> first_, run_first_, run_end_;
    std::vector<std::int32_t> order_, list_;
    std::vector<int> steps_, run_delay_;
    std::vector<std::uint16_t> counts_;
    std::vector<std::uint8_t> bytes_;
};

#endif
