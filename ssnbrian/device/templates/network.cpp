{% macro h_file() %}
#ifndef _BRIAN_NETWORK_H
#define _BRIAN_NETWORK_H

#include <cstdint>
#include <set>
#include <utility>
#include <vector>
#include "brianlib/clocks.h"

typedef void (*codeobj_func)();

class Network
{
public:
    typedef void (*Report)(const double elapsed, const double completed, const double start, const double duration);

    std::vector<std::pair<Clock*, codeobj_func>> objects;
    double t = 0.0;
    static double _last_run_time;
    static double _last_run_completed_fraction;
    static bool _globally_stopped;
    static bool _globally_running;

    void clear() { objects.clear(); }
    void add(Clock* clock, codeobj_func function) { objects.push_back(std::make_pair(clock, function)); }
    void run(const double duration, Report report, const double report_period);

private:
    Clock* next_clocks();
    std::set<Clock*> clocks, curclocks;
};

#endif
{% endmacro %}

{% macro cpp_file() %}
#include "network.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <iostream>

double Network::_last_run_time = 0.0;
double Network::_last_run_completed_fraction = 0.0;
bool Network::_globally_stopped = false;
bool Network::_globally_running = false;

// Processor time is a system call, which costs as much as a thousand neurons. It is read every so many steps, and the
// number of steps follows what they cost.
class RunTime
{
public:
    RunTime() : start_(std::clock()) {}
    double now() const { return static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC; }
    bool due()
    {
        if (--left_ > 0) return false;
        const double elapsed = now();
        if (elapsed - last_ < 0.002 && interval_ < 4096) interval_ *= 2;
        else if (elapsed - last_ > 0.02 && interval_ > 1) interval_ /= 2;
        last_ = elapsed;
        left_ = interval_;
        return true;
    }
    double last() const { return last_; }
private:
    std::clock_t start_;
    double last_ = 0.0;
    long interval_ = 1, left_ = 1;
};

void Network::run(const double duration, Report report, const double report_period)
{
    const double start = t, end = t + duration;
    double next_report = report_period;
    bool out_of_time = false;
    clocks.clear();
    for (const auto& object : objects) clocks.insert(object.first);
    for (Clock* one : clocks) one->set_interval(start, end);
    RunTime elapsed;
    if (report) report(0.0, 0.0, start, duration);
    Clock* clock = next_clocks();
    const bool one_clock = clocks.size() == 1;
    _globally_running = true;
    _globally_stopped = false;
    while (clock && clock->running() && !_globally_stopped)
    {
        t = clock->t[0];
        if (elapsed.due())
        {
            if (report && elapsed.last() > next_report)
            {
                report(elapsed.last(), (t - start) / duration, start, duration);
                next_report += report_period;
            }
            {% if maximum_run_time is not none %}
            if (elapsed.last() > {{maximum_run_time}})
            {
                out_of_time = true;
                break;
            }
            {% endif %}
        }
        for (const auto& object : objects)
            if (object.second && (one_clock || curclocks.count(object.first))) object.second();
        if (one_clock)
        {
            clock->tick();
            continue;
        }
        for (Clock* one : curclocks) one->tick();
        clock = next_clocks();
    }
    _globally_running = false;
    t = out_of_time || _globally_stopped ? clock->t[0] : end;
    _last_run_time = elapsed.now();
    _last_run_completed_fraction = duration > 0 ? (t - start) / duration : 1.0;
    if (report) report(_last_run_time, _last_run_completed_fraction, start, duration);
}

// The clock that is furthest behind, and all that stand at the same time.
Clock* Network::next_clocks()
{
    if (clocks.empty()) return NULL;
    Clock* first = *clocks.begin();
    for (Clock* one : clocks)
        if (one->t[0] < first->t[0]) first = one;
    curclocks.clear();
    for (Clock* one : clocks)
        if (one->t[0] == first->t[0] || std::fabs(one->t[0] - first->t[0]) <= 1e-14) curclocks.insert(one);
    return first;
}
{% endmacro %}
