// From the spikes of this step to the synapses whose spikes arrive in this step.
//
// What is on its way depends on the pathway:
//   - one delay for all synapses: the sources that fired, in a ring of one slot per step of delay;
//   - many delays: the synapses, in such a ring, or, where a spike only adds a shared amount to its target (an additive
//     pathway), the number of spikes per target, in a calendar.
// Additive pathways reach their targets through rows of targets, the others through the synapses of each source.
#ifndef SSNBRIAN_PATHWAY_H
#define SSNBRIAN_PATHWAY_H

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "calendar.h"
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
        std::vector<Event> pending = take_pending();
        const std::size_t neurons = static_cast<std::size_t>(stop_ - start_);
        std::vector<int> steps(delays.size());
        int longest = 0;
        for (std::size_t k = 0; k < delays.size(); k++) {
            steps[k] = static_cast<int>(delays[k] / dt + 0.5);
            longest = std::max(longest, steps[k]);
        }
        one_delay_ = sources_.empty() || steps.empty() || *std::min_element(steps.begin(), steps.end()) == longest;
        delay_ = longest;
        std::size_t target_count = rows ? rows->targets() : 0;
        if (!rows)
            for (std::int32_t target : targets) target_count = std::max(target_count, std::size_t(target) + 1);
        additive_ = additive && (rows || few_per_target(targets, target_count));
        targets_ = target_count;
        rows_ = rows;
        bytes_.assign(additive_ ? (targets_ + 511) / 512 * 512 : 0, 0);
        if (!rows) sort_synapses(neurons, steps, targets, target_count);
        put_back(pending, dt_ == 0.0 ? 1.0 : dt_ / dt, longest);
        dt_ = dt;
    }

    void advance() {
        slots_[now_].clear();
        now_ = now_ + 1 == slots_.size() ? 0 : now_ + 1;
        if (calendar_.running()) calendar_.advance();
    }

    void push(const std::int32_t* spikes, int count) {
        if (count == 0) return;
        const std::int32_t* first = std::lower_bound(spikes, spikes + count, start_);
        const std::int32_t* last = std::lower_bound(first, spikes + count, stop_);
        if (one_delay_) {
            std::vector<std::int32_t>& sources = slot(delay_).sources;
            for (; first != last; ++first) sources.push_back(*first - start_);
        } else if (additive_) {
            for (; first != last; ++first) {
                const std::size_t source = static_cast<std::size_t>(*first - start_);
                for (std::size_t k = first_[source]; k < first_[source + 1]; k++) calendar_.add(steps_[k], list_[k]);
            }
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
        if (calendar_.running()) calendar_.deliver(effect);
        const Slot& due = slots_[now_];
        if (due.sources.empty()) return;
        const ssnbrian::Rows& rows = *rows_;
        // Few spikes with few targets each are delivered one by one; counting takes all targets in hand.
        const std::size_t visits = due.sources.size() * (rows.count() / rows.sources());
        if (!rows.are_bits() || 8 * visits < targets_) {
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
        return "additive, " + delays + ", " + (rows_ && one_delay_ ? rows_->form() : "calendar");
    }

private:
    struct Slot {
        std::vector<std::int32_t> sources, synapses;
        void clear() {
            sources.clear();
            synapses.clear();
        }
    };

    // A spike on its way, in steps from now: its source where the rows are given, otherwise its synapse or target.
    struct Event {
        std::size_t steps;
        std::int32_t index;
        bool to_target;
    };

    Slot& slot(int delay) {
        std::size_t position = now_ + static_cast<std::size_t>(delay);
        if (position >= slots_.size()) position -= slots_.size();
        return slots_[position];
    }

    static bool few_per_target(const std::vector<std::int32_t>& targets, std::size_t target_count) {
        if (target_count > ssnbrian::Calendar::most_targets) return false;
        std::vector<std::size_t> number(target_count, 0);
        for (std::int32_t target : targets)
            if (++number[target] > 32767) return false;
        return true;
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
            steps_.resize(count);
            for (std::size_t k = 0; k < count; k++) steps_[k] = steps[order_[k]];
            if (additive_) {
                list_.resize(count);
                for (std::size_t k = 0; k < count; k++) list_[k] = targets[order_[k]];
                std::vector<std::int32_t>().swap(order_);
            }
        } else if (additive_) {
            own_rows_.start(neurons, std::max<std::size_t>(target_count, 1), false,
                            static_cast<double>(count) / (static_cast<double>(neurons) * target_count + 1));
            for (std::size_t k = 0; k < count; k++) own_rows_.add(sources_[k] - start_, targets[k]);
            own_rows_.finish();
            rows_ = &own_rows_;
        }
    }

    // What arrives after this step; nothing is left on its way.
    std::vector<Event> take_pending() {
        std::vector<Event> pending;
        const bool given = rows_ && rows_ != &own_rows_;
        for (std::size_t steps = 1; steps < slots_.size(); steps++) {
            Slot& due = slots_[(now_ + steps) % slots_.size()];
            for (std::int32_t source : due.sources) {
                if (given)
                    pending.push_back(Event{steps, source, false});
                else if (additive_)
                    own_rows_.each(source, [&](std::int32_t target) { pending.push_back(Event{steps, target, true}); });
                else
                    for (std::size_t k = first_[source]; k < first_[source + 1]; k++)
                        pending.push_back(Event{steps, in_order_ ? static_cast<std::int32_t>(k) : order_[k], false});
            }
            for (std::int32_t synapse : due.synapses) pending.push_back(Event{steps, synapse, false});
        }
        calendar_.each([&](unsigned steps, std::uint32_t target) {
            pending.push_back(Event{steps, static_cast<std::int32_t>(target), true});
        });
        return pending;
    }

    // Back on their way, after as many new steps as come nearest to the old ones.
    void put_back(std::vector<Event>& pending, double factor, int longest) {
        std::size_t latest = static_cast<std::size_t>(longest);
        bool to_targets = additive_ && !one_delay_;
        for (Event& event : pending) {
            if (factor != 1.0) event.steps = static_cast<std::size_t>(event.steps * factor + 0.5);
            latest = std::max(latest, event.steps);
            to_targets = to_targets || event.to_target;
        }
        slots_.assign(latest + 1, Slot());
        now_ = 0;
        calendar_.stop();
        if (to_targets) calendar_.start(targets_, static_cast<int>(latest));
        for (const Event& event : pending) {
            if (event.steps == 0) continue;
            if (event.to_target)
                calendar_.add(static_cast<unsigned>(event.steps), static_cast<std::uint32_t>(event.index));
            else if (rows_ && rows_ != &own_rows_)
                slots_[event.steps].sources.push_back(event.index);
            else
                slots_[event.steps].synapses.push_back(event.index);
        }
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
    ssnbrian::Calendar calendar_;
    std::vector<std::size_t> first_;
    std::vector<std::int32_t> order_, list_;
    std::vector<int> steps_;
    std::vector<std::uint8_t> bytes_;
};

#endif
