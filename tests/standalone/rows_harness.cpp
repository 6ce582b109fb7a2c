// rows.h and pathway.h against plain references: a std::map of multiplicities, and a list of what is on its way.
//
//     rows_harness NAME SEED FOLDER
//
// prints the number of comparisons made; the first difference ends the program.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "pathway.h"
#include "rows.h"

typedef std::pair<std::int32_t, std::int32_t> Pair;
typedef std::vector<std::int32_t> Indices;

static long comparisons = 0;
static std::mt19937_64 engine;

static double uniform() { return static_cast<double>(engine() >> 11) * 1.1102230246251565e-16; }
static std::int32_t below(std::uint64_t limit) { return static_cast<std::int32_t>(engine() % limit); }

static void require(bool holds, const std::string& what) {
    comparisons++;
    if (holds) return;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
    std::exit(1);
}

// ---- rows.h ----

// A random graph in one of the orders in which synapses are made, and how often each pair is connected.
struct Graph {
    std::size_t sources, targets;
    std::vector<Pair> pairs;
    std::map<Pair, int> multiplicity;

    Graph(std::size_t sources, std::size_t targets, double density, bool by_target, bool duplicates)
        : sources(sources), targets(targets) {
        const std::size_t outer = by_target ? targets : sources, inner = by_target ? sources : targets;
        for (std::size_t a = 0; a < outer; a++) {
            std::vector<Pair> group;
            for (std::size_t b = 0; b < inner; b++) {
                if (uniform() >= density) continue;
                const Pair pair = by_target ? Pair(b, a) : Pair(a, b);
                const int times = duplicates && uniform() < 0.05 ? 2 + below(2) : 1;
                for (int k = 0; k < times; k++) group.push_back(pair);
                multiplicity[pair] = times;
            }
            // Within a source or target nothing is ordered, and every other graph is.
            if (duplicates) std::shuffle(group.begin(), group.end(), engine);
            pairs.insert(pairs.end(), group.begin(), group.end());
        }
    }
    bool has_duplicates() const { return pairs.size() != multiplicity.size(); }
    double share() const { return static_cast<double>(pairs.size()) / (static_cast<double>(sources) * targets); }
};

static bool same(std::vector<Pair>& found, const Graph& graph) {
    std::sort(found.begin(), found.end());
    std::size_t k = 0;
    for (const auto& one : graph.multiplicity)
        for (int times = 0; times < one.second; times++, k++)
            if (k >= found.size() || found[k] != one.first) return false;
    return k == found.size();
}

static void compare(const ssnbrian::Rows& rows, const Graph& graph, const std::string& what) {
    std::vector<Pair> found;
    for (std::size_t source = 0; source < graph.sources; source++)
        rows.each(source, [&](std::int32_t target) { found.push_back(Pair(source, target)); });
    require(same(found, graph), what + ": pairs");
    require(rows.count() == graph.pairs.size(), what + ": count");
    require(rows.sources() == graph.sources && rows.targets() == graph.targets, what + ": size");
}

// The bytes of up to 255 rows, the padding included.
static void compare_counts(const ssnbrian::Rows& rows, const Graph& graph, const std::string& what) {
    for (int number : {0, 1, 2, 100, 255}) {
        Indices sources;
        const bool one_source = uniform() < 0.3;
        for (int k = 0; k < number; k++) sources.push_back(one_source && k ? sources[0] : below(graph.sources));
        std::vector<std::uint8_t> bytes(rows.words() * 64, 0);
        std::vector<int> expected(bytes.size(), 0);
        std::vector<int> times(graph.sources, 0);
        for (std::int32_t source : sources) {
            ssnbrian::add_bits(rows.bits(source), rows.words(), bytes.data());
            times[source]++;
        }
        for (const auto& one : graph.multiplicity) expected[one.first.second] += times[one.first.first];
        require(std::equal(bytes.begin(), bytes.end(), expected.begin()), what + ": counts of bits");
    }
}

static Indices read(const std::string& file) {
    std::ifstream stream(file.c_str(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    require(stream.is_open() && bytes.size() % 4 == 0, "file of pairs");
    Indices numbers(bytes.size() / 4);
    if (!bytes.empty()) std::memcpy(&numbers[0], bytes.data(), bytes.size());
    return numbers;
}

static void compare_files(const ssnbrian::Rows& rows, const Graph& graph, const std::string& folder,
                          const std::string& what) {
    const std::int32_t offset = below(3) * 10;
    require(rows.write(folder + "/sources", folder + "/targets", offset), what + ": write");
    const Indices sources = read(folder + "/sources"), targets = read(folder + "/targets");
    require(sources.size() == graph.pairs.size() && targets.size() == sources.size(), what + ": size of files");
    require(std::is_sorted(sources.begin(), sources.end()), what + ": order of files");
    std::vector<Pair> found;
    for (std::size_t k = 0; k < sources.size(); k++) found.push_back(Pair(sources[k] - offset, targets[k]));
    require(same(found, graph), what + ": files");
}

static void test_graphs(const std::string& folder) {
    // One object is used again for every graph.
    ssnbrian::Rows rows;
    long bits = 0, lists = 0, long_lists = 0;
    for (std::size_t targets : {1, 63, 64, 65, 511, 513, 70000})
        for (std::size_t sources : {1, 2, 37, 300})
            for (double density : {0.0, 0.01, 0.1, 0.9, 1.0})
                for (int order = 0; order < 4; order++) {
                    if (targets * sources > 154000 || targets * sources * density > 80000) continue;
                    const bool by_target = order % 2, duplicates = order / 2;
                    const Graph graph(sources, targets, density, by_target, duplicates);
                    for (double declared : {1.0, density, 1.0 - density}) {
                        std::ostringstream what;
                        what << sources << " to " << targets << ", density " << density << ", declared " << declared
                             << (by_target ? ", by target" : ", by source") << (duplicates ? ", duplicates" : "");
                        rows.start(sources, targets, by_target, declared);
                        for (const Pair& pair : graph.pairs) rows.add(pair.first, pair.second);
                        rows.finish();
                        compare(rows, graph, what.str());
                        const double limit = ssnbrian::sparsest_bits;
                        const bool as_bits = declared >= limit && graph.share() >= limit && !graph.has_duplicates();
                        require(rows.are_bits() == as_bits, what.str() + ": form");
                        require(rows.form() == std::string(as_bits ? "bit rows"
                                                           : targets > 65536 ? "32-bit lists" : "16-bit lists"),
                                what.str() + ": name of form");
                        (as_bits ? bits : targets > 65536 ? long_lists : lists)++;
                        // Blocks of 512 targets are written as a whole.
                        require(rows.words() % 8 == 0 && rows.words() * 64 >= targets, what.str() + ": words");
                        if (as_bits) compare_counts(rows, graph, what.str());
                        if (declared == 1.0) compare_files(rows, graph, folder, what.str());
                    }
                }
    require(bits > 50 && lists > 50 && long_lists > 10, "every form");
    require(!rows.write(folder + "/none/sources", folder + "/none/targets", 0), "a folder that does not exist");
    // Nothing at all, and given pairs.
    rows.start(0, 0, false, 1.0);
    rows.finish();
    require(rows.count() == 0, "no neurons");
    const Graph graph(50, 300, 0.2, false, true);
    Indices sources, targets;
    for (const Pair& pair : graph.pairs) {
        sources.push_back(pair.first + 7);
        targets.push_back(pair.second);
    }
    rows.from_pairs(50, 300, sources.data(), targets.data(), sources.size(), 7);
    compare(rows, graph, "given pairs");
}

// ---- pathway.h ----

// Synapses and what is on its way: for each step from now on, the synapses due.
class Reference {
public:
    void add(std::size_t delay, std::int32_t synapse) {
        if (due_.size() <= delay) due_.resize(delay + 1);
        due_[delay].push_back(synapse);
    }
    void advance() {
        if (!due_.empty()) due_.erase(due_.begin());
    }
    Indices now() const { return due_.empty() ? Indices() : due_[0]; }
    // As in Brian2: steps from now on times the ratio, to the nearest. What was due now has arrived.
    void change_step(double factor) {
        std::vector<Indices> old;
        old.swap(due_);
        for (std::size_t k = 1; k < old.size(); k++)
            for (std::int32_t synapse : old[k]) add(static_cast<std::size_t>(k * factor + 0.5), synapse);
    }

private:
    std::vector<Indices> due_;
};

struct Scenario {
    std::int32_t start = 0, stop = 0, neurons = 0, target_count = 0;
    Indices sources, targets;
    Reference reference;
    double dt = 0.0;
    long delivered = 0;

    void random_pairs(double density, bool sorted, bool duplicates) {
        for (std::int32_t source = start; source < stop; source++)
            for (std::int32_t target = 0; target < target_count; target++)
                if (uniform() < density)
                    for (int k = duplicates && uniform() < 0.1 ? 0 : 1; k < 2; k++) {
                        sources.push_back(source);
                        targets.push_back(target);
                    }
        if (sorted) return;
        for (std::size_t k = sources.size(); k > 1; k--) {
            const std::size_t other = below(k);
            std::swap(sources[k - 1], sources[other]);
            std::swap(targets[k - 1], targets[other]);
        }
    }

    void make_rows(ssnbrian::Rows& rows) const {
        rows.start(stop - start, target_count, false, 1.0);
        for (std::size_t k = 0; k < sources.size(); k++) rows.add(sources[k] - start, targets[k]);
        rows.finish();
    }

    // One run: delays of the synapses in units of the new dt.
    void run(SynapticPathway& pathway, bool additive, const ssnbrian::Rows* rows, const std::vector<double>& delays,
             double new_dt, int steps, double firing, const std::string& what) {
        std::vector<double> seconds;
        for (double delay : delays) seconds.push_back(delay * new_dt);
        if (dt != 0.0 && dt != new_dt) reference.change_step(dt / new_dt);
        dt = new_dt;
        pathway.prepare(additive, rows, rows ? Indices() : targets, seconds, dt);
        require(additive || !pathway.additive(), what + ": additive without leave");
        for (int step = 0; step < steps; step++) {
            Indices spikes;
            const bool silent = uniform() < 0.3;
            for (std::int32_t neuron = 0; neuron < neurons; neuron++)
                if (!silent && uniform() < firing) spikes.push_back(neuron);
            pathway.advance();
            reference.advance();
            pathway.push(spikes.data(), static_cast<int>(spikes.size()));
            std::vector<char> fired(neurons + 1, 0);
            for (std::int32_t neuron : spikes) fired[neuron] = 1;
            for (std::size_t k = 0; k < sources.size(); k++)
                if (fired[sources[k]])
                    reference.add(std::lround(delays[delays.size() == 1 ? 0 : k]), static_cast<std::int32_t>(k));
            std::ostringstream place;
            place << what << ", step " << step << " (" << pathway.description() << ")";
            compare(pathway, place.str());
        }
    }

    void compare(SynapticPathway& pathway, const std::string& what) {
        Indices expected = reference.now();
        delivered += expected.size();
        if (pathway.additive()) {
            std::vector<double> found(target_count, 0.0), counts(target_count, 0.0);
            pathway.deliver([&](std::int32_t target, double events) {
                if (target < target_count) found[target] += events;
                else require(events == 0.0, what + ": beyond the targets");
            });
            for (std::int32_t synapse : expected) counts[targets[synapse]] += 1.0;
            require(found == counts, what + ": events per target");
        } else {
            Indices found;
            pathway.deliver_each([&](std::size_t synapse) { found.push_back(static_cast<std::int32_t>(synapse)); });
            std::sort(found.begin(), found.end());
            std::sort(expected.begin(), expected.end());
            require(found == expected, what + ": synapses");
        }
    }
};

// Delays in units of dt, away from where they are rounded: one for all, given once or for each, or many.
static std::vector<double> random_delays(int kind, std::size_t synapses, int longest) {
    std::vector<double> delays(kind == 0 ? 1 : synapses, static_cast<double>(below(longest + 1)));
    for (double& delay : delays) {
        if (kind == 2) delay = below(longest + 1);
        delay = std::max(0.0, delay + 0.8 * (uniform() - 0.5));
    }
    return delays;
}

// `runs` runs of random circuits, everything at random. Rows stand for synapses of one delay only.
static void test_random_circuits(const std::string& name, int runs, bool additive, bool changing_step) {
    long delivered = 0;
    for (int trial = 0; trial < 150; trial++) {
        Scenario scenario;
        scenario.neurons = 1 + below(80);
        scenario.start = below(2) ? 0 : below(scenario.neurons);
        scenario.stop = scenario.start + 1 + below(scenario.neurons - scenario.start);
        scenario.target_count = 1 + below(200);
        scenario.random_pairs(trial % 10 ? uniform() : 0.0, below(2), below(2));
        ssnbrian::Rows rows;
        const bool as_rows = additive && below(2);
        if (as_rows) scenario.make_rows(rows);
        Indices sources = as_rows ? Indices() : scenario.sources;
        SynapticPathway pathway(sources, scenario.start, scenario.stop);
        const double steps[] = {1e-4, 2e-4, 5e-5, 1e-4, 2.5e-5};
        for (int run = 0; run < runs; run++) {
            std::ostringstream what;
            what << name << " " << trial << ", run " << run << (as_rows ? ", rows" : "");
            const int kind = as_rows ? 0 : below(3);
            const double dt = changing_step ? steps[below(3) + (run ? 0 : 2)] : 1e-4;
            // Steps more than twice as long would make spikes due in the step that is over, in Brian2 as well.
            const double given = scenario.dt != 0.0 && dt > 2 * scenario.dt ? scenario.dt : dt;
            scenario.run(pathway, additive, as_rows ? &rows : nullptr,
                         random_delays(kind, scenario.sources.size(), 12), given, 12, 0.3 * uniform(), what.str());
        }
        delivered += scenario.delivered;
    }
    require(delivered > 50000, name + ": spikes");
}

// Every neuron to every other one, all firing at once: more spikes per target and step than a byte counts.
static void test_many_spikes() {
    for (int neurons : {254, 255, 256, 509, 510, 511, 765, 1100})
        for (int kind = 0; kind < 4; kind++) {
            Scenario scenario;
            scenario.neurons = scenario.stop = neurons;
            scenario.target_count = 70;
            scenario.random_pairs(1.0, true, false);
            ssnbrian::Rows rows;
            if (kind == 3) scenario.make_rows(rows);
            Indices sources = kind == 3 ? Indices() : scenario.sources;
            SynapticPathway pathway(sources, 0, neurons);
            std::ostringstream what;
            what << neurons << " spikes, delays " << kind;
            for (int run = 0; run < 2; run++)
                scenario.run(pathway, true, kind == 3 ? &rows : nullptr,
                             random_delays(kind % 3, scenario.sources.size(), 3), 1e-4, 8, 1.0, what.str());
        }
}

// More synapses on one target than 16 bits count, of which some or all fire at once.
static void test_many_synapses_of_a_target(double firing, bool changing) {
    for (int first : {0, 2}) {
        Scenario scenario;
        scenario.neurons = scenario.stop = 66000;
        scenario.target_count = 1;
        scenario.random_pairs(1.0, true, false);
        SynapticPathway pathway(scenario.sources, 0, scenario.stop);
        for (int run = 0; run < 3; run++) {
            const int kind = changing && run % 2 ? 2 - first : first;
            std::ostringstream what;
            what << "66000 synapses of a target, delays " << kind << ", run " << run;
            const std::vector<double> delays = random_delays(kind, scenario.sources.size(), 3);
            scenario.run(pathway, true, nullptr, delays, 1e-4, 6, firing, what.str());
        }
    }
}

int main(int count, char** arguments) {
    if (count != 4) return 2;
    const std::string name = arguments[1];
    engine.seed(std::strtoul(arguments[2], nullptr, 10));
    if (name == "graphs") test_graphs(arguments[3]);
    else if (name == "one run") test_random_circuits(name, 1, false, false);
    else if (name == "one run, additive") test_random_circuits(name, 1, true, false);
    else if (name == "three runs") test_random_circuits(name, 3, false, false);
    else if (name == "three runs, additive") test_random_circuits(name, 3, true, false);
    else if (name == "changing step") test_random_circuits(name, 4, false, true);
    else if (name == "changing step, additive") test_random_circuits(name, 4, true, true);
    else if (name == "many spikes") test_many_spikes();
    else if (name == "many synapses of a target") test_many_synapses_of_a_target(0.3, false);
    else if (name == "many synapses of a target, changing") test_many_synapses_of_a_target(0.3, true);
    else if (name == "many synapses of a target, all at once") test_many_synapses_of_a_target(1.0, false);
    else return 2;
    std::printf("%ld\n", comparisons);
    return 0;
}
