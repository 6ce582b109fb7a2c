// What a compiled circuit reads when it starts and what it writes when it ends.
//
// One binary serves every seed, drive, duration and dt: they stand in run.txt of the results folder. Every step
// the spikes of each population are counted into bins, and a population that fires too fast stops the run.
#ifndef SSNBRIAN_RUNTIME_H
#define SSNBRIAN_RUNTIME_H

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "network.h"

namespace ssnbrian {

struct Drive {
    std::vector<double> times, values;
    size_t left = 0;

    // Piecewise linear; of two knots at one time the later holds. Time moves forward, so the search resumes.
    double operator()(double t) {
        if (t < times[left]) left = 0;
        while (left + 1 < times.size() && times[left + 1] <= t) ++left;
        if (left + 1 == times.size()) return values[left];
        const double span = times[left + 1] - times[left];
        return values[left] + (t - times[left]) / span * (values[left + 1] - values[left]);
    }
};

struct Tally {
    std::vector<int64_t> counts;
    int64_t step = 0;
    double smoothed_rate = 0.0;
};

struct Run {
    uint64_t seed = 0;
    double duration = 0.0, dt = 0.0, runaway_rate = 0.0;
    int64_t bin_steps = 1;
    std::vector<Drive> drives;
    std::vector<Drive> courses;
    std::vector<Tally> tallies;
    int runaway_population = -1;
    double runaway_time = 0.0;
};

inline Run& run() {
    static Run instance;
    return instance;
}

inline void fail(const std::string& message) {
    std::cerr << "error " << message << std::endl;
    std::exit(3);
}

inline void begin(const std::string& folder) {
    std::ifstream file(folder + "run.txt");
    if (!file) fail("cannot read " + folder + "run.txt");
    Run& r = run();
    std::string key;
    while (file >> key) {
        if (key == "seed") file >> r.seed;
        else if (key == "duration") file >> r.duration;
        else if (key == "dt") file >> r.dt;
        else if (key == "bin_steps") file >> r.bin_steps;
        else if (key == "runaway_rate") file >> r.runaway_rate;
        else if (key == "drive" || key == "course") {
            size_t knots = 0;
            file >> knots;
            Drive drive;
            drive.times.resize(knots);
            drive.values.resize(knots);
            for (size_t k = 0; k < knots; ++k) file >> drive.times[k] >> drive.values[k];
            if (key == "course") {
                r.courses.push_back(drive);
                continue;
            }
            r.drives.push_back(drive);
            r.tallies.push_back(Tally());
        } else fail("unknown entry " + key + " in run.txt");
    }
    if (!(r.dt > 0) || !(r.duration > 0) || r.bin_steps < 1) fail("run.txt is incomplete");
}

inline double drive(int population, double t) { return run().drives[population](t); }

// Rates of the input populations in their order, then weights that change.
inline double course(int number, double t) { return run().courses[number](t); }

inline double tally(int population, int64_t spikes, int64_t neurons) {
    Run& r = run();
    Tally& tally = r.tallies[population];
    if (tally.step++ % r.bin_steps == 0) tally.counts.push_back(0);
    tally.counts.back() += spikes;
    if (r.runaway_rate > 0) {
        const double window = 0.1;
        const double rate = spikes / (neurons * r.dt);
        tally.smoothed_rate += (rate - tally.smoothed_rate) * (r.dt < window ? r.dt / window : 1.0);
        if (tally.smoothed_rate > r.runaway_rate && r.runaway_population < 0) {
            r.runaway_population = population;
            r.runaway_time = tally.step * r.dt;
            Network::_globally_stopped = true;
        }
    }
    return 0.0;
}

inline void report(double completed) { std::cout << "progress " << completed << std::endl; }

// outcome.txt is written last: its presence means that everything else is there.
inline void end(const std::string& folder) {
    const Run& r = run();
    for (size_t k = 0; k < r.tallies.size(); ++k) {
        std::ofstream file(folder + "counts_" + std::to_string(k), std::ios::binary);
        file.write(reinterpret_cast<const char*>(r.tallies[k].counts.data()), r.tallies[k].counts.size() * sizeof(int64_t));
        if (!file) fail("cannot write the spike counts");
    }
    std::ofstream outcome(folder + "outcome.txt");
    outcome.precision(17);
    if (r.runaway_population >= 0) outcome << "status runaway " << r.runaway_population << " " << r.runaway_time << "\n";
    else if (Network::_globally_stopped) outcome << "status interrupted\n";
    else outcome << "status completed\n";
    outcome << "steps " << (r.tallies.empty() ? 0 : r.tallies[0].step) << "\n";
    outcome << "loop_seconds " << Network::_last_run_time << "\n";
    if (!outcome.flush()) fail("cannot write outcome.txt");
}

}  // namespace ssnbrian

#endif
