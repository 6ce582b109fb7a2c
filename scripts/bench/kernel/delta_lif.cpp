// An excitatory-inhibitory network of leaky integrate-and-fire neurons with white noise and delta synapses of fixed
// in-degree, written by hand for this one model: the practical limit of one core, a yardstick for generated code.
//
// One step does what Brian2 does: v <- v decay + drift + noise N(0, 1); threshold; kicks of this step's spikes;
// reset. Here the kicks are added at the start of the next pass over the neurons, so that one pass does it all; on
// the time grid the kicks that a reset would have wiped out are taken off beforehand. With the Brownian bridge only
// the neurons near the threshold are looked at a second time.
//
// Connectivity: bit rows (one bit per pair; per 64 targets the spikes of the step are added up in bytes) or CSR
// (rows of 16- or 32-bit targets). Both are made with the same in-degree rule: K sources without repeats or autapse.
//
// Usage: delta_lif key=value ... (see main); prints one line of JSON.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <random>
#include <string>
#include <vector>
#include "normals.h"
#if defined(__AVX512BW__) && defined(__AVX512F__)
#include <immintrin.h>
#define WIDE 1
#else
#define WIDE 0
#endif

static const int chunk = 64, block = 1024;  // neurons per word of a row; neurons per refill of the noise
static const int ahead = 128;               // words of a row that are fetched before they are needed
static const float bridge_cut = 17.0f;      // exp(-17) is below the resolution of a 24-bit uniform

struct Population {
    int size, first, end;        // neurons first .. first + size - 1, padded to `end`
    float decay, drift, noise;   // of one step
    float variance;              // sigma^2 dt, for the bridge
    float kick[2];               // from a spike of population 0 (positive) and 1 (negative)
    int in_degree[2];
};

struct Network {
    Population populations[2];
    float theta, reset;
    bool bridge, bits;
    int total;                                       // padded neurons
    int words() const { return total / chunk; }
    std::vector<std::uint64_t> rows;                 // bit rows: total x words
    std::vector<std::size_t> pointers;               // CSR: two pieces per source, by target population
    std::vector<std::uint16_t> targets16;
    std::vector<std::uint32_t> targets32;
    int of(int neuron) const { return neuron >= populations[1].first; }
};

// Calls connect(source, target) for every synapse; the same seed gives the same synapses.
template <class Connect>
static void draw_synapses(const Network& net, std::uint64_t seed, Connect connect) {
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> taken(net.words());
    for (const Population& to : net.populations)
        for (int target = to.first; target < to.first + to.size; target++) {
            std::fill(taken.begin(), taken.end(), 0);
            taken[target / chunk] |= 1ULL << target % chunk;
            for (int s = 0; s < 2; s++) {
                const Population& from = net.populations[s];
                for (int k = 0; k < to.in_degree[s];) {
                    const int source = from.first + int((random() >> 32) * std::uint64_t(from.size) >> 32);
                    std::uint64_t& word = taken[source / chunk];
                    if (word >> source % chunk & 1) continue;
                    word |= 1ULL << source % chunk;
                    connect(source, target);
                    k++;
                }
            }
        }
}

template <class Index>
static void fill_csr(Network& net, std::uint64_t seed, std::vector<Index>& targets) {
    std::vector<std::size_t>& pointers = net.pointers;
    pointers.assign(2 * net.total + 1, 0);
    draw_synapses(net, seed, [&](int s, int t) { pointers[2 * s + net.of(t) + 1]++; });
    for (std::size_t k = 1; k < pointers.size(); k++) pointers[k] += pointers[k - 1];
    targets.resize(pointers.back());
    std::vector<std::size_t> next(pointers);
    draw_synapses(net, seed, [&](int s, int t) { targets[next[2 * s + net.of(t)]++] = Index(t); });
}

static void connect(Network& net, std::uint64_t seed) {
    if (net.bits) {
        const std::size_t words = net.words();
        net.rows.assign(std::size_t(net.total) * words, 0);
        draw_synapses(net, seed, [&](int s, int t) { net.rows[s * words + t / chunk] |= 1ULL << t % chunk; });
    } else if (net.total <= 65536) {
        fill_csr(net, seed, net.targets16);
    } else {
        fill_csr(net, seed, net.targets32);
    }
}

struct Crossings {                      // of one block, before the bridge has been decided
    int number = 0;
    std::uint32_t neuron[block + 16];
    float exponent[block + 16], start[block + 16];
};

struct State {
    std::vector<float> v;
    std::vector<int> spikes[2], hit;               // of this step, by population; those of `hit` in crossing order
    std::vector<float> rest;                       // membrane after the reset, in the order of `hit`
    std::vector<const std::uint64_t*> rows[2];     // of the last step's spikes
    Crossings crossings;
};

#include "pass.h"

template <class Index>
static void scatter(const Network& net, const std::vector<Index>& targets, State& state) {
    for (int x = 0; x < 2; x++)
        for (const int source : state.spikes[x])
            for (int y = 0; y < 2; y++) {
                const float kick = net.populations[y].kick[x];
                const Index* end = targets.data() + net.pointers[2 * source + y + 1];
                for (const Index* t = targets.data() + net.pointers[2 * source + y]; t < end; t++) state.v[*t] += kick;
            }
}

static void step(const Network& net, Generator& generator, State& state) {
    for (int x = 0; x < 2; x++) {
        state.spikes[x].clear();
        state.hit.clear();
        state.rest.clear();
        if (net.bridge) pass<true>(net, net.populations[x], generator, state);
        else pass<false>(net, net.populations[x], generator, state);
        state.spikes[x] = state.hit;
        // With the bridge the path goes on from the reset and later kicks count; on the grid they are lost.
        if (net.bridge)
            for (std::size_t k = 0; k < state.hit.size(); k++) state.v[state.hit[k]] = state.rest[k];
    }
    if (!net.bits) {
        if (net.targets32.empty()) scatter(net, net.targets16, state);
        else scatter(net, net.targets32, state);
    }
    const std::size_t words = net.words();
    if (net.bits)
        for (int x = 0; x < 2; x++) {
            state.rows[x].clear();
            for (const int source : state.spikes[x]) {
                const std::uint64_t* row = net.rows.data() + source * words;
                state.rows[x].push_back(row);
                for (std::size_t w = 0; w < std::min<std::size_t>(words, ahead); w += 8) __builtin_prefetch(row + w);
            }
        }
    if (net.bridge) return;
    for (int y = 0; y < 2; y++)
        for (const int neuron : state.spikes[y]) {
            float v = net.reset;
            for (int x = 0; x < 2; x++) {
                int kicks = 0;
                for (const std::uint64_t* row : state.rows[x]) kicks += row[neuron / chunk] >> neuron % chunk & 1;
                v -= float(kicks) * net.populations[y].kick[x];
            }
            state.v[neuron] = v;
        }
}

int main(int count, char** arguments) {
    std::map<std::string, double> given;
    for (int k = 1; k < count; k++) {
        const std::string text = arguments[k];
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos) return std::fprintf(stderr, "expected key=value, got %s\n", text.c_str()), 2;
        given[text.substr(0, equals)] = std::atof(text.c_str() + equals + 1);
    }
    const auto get = [&](const std::string& key) {
        if (!given.count(key)) std::fprintf(stderr, "missing %s=\n", key.c_str()), std::exit(2);
        return given[key];
    };
    Network net;
    net.total = 0;
    for (int x = 0; x < 2; x++) {                       // keys end in the target (and the source): e, i
        const std::string name = x ? "_i" : "_e";
        Population& one = net.populations[x];
        one.size = int(get("n" + name));
        one.first = net.total;
        one.end = net.total += (one.size + chunk - 1) / chunk * chunk;
        one.decay = float(get("decay" + name));
        one.drift = float(get("drift" + name));
        one.noise = float(get("noise" + name));
        one.variance = float(get("variance" + name));
        for (int y = 0; y < 2; y++) {
            one.kick[y] = float(get("kick" + name + (y ? "i" : "e")));
            one.in_degree[y] = int(get("k" + name + (y ? "i" : "e")));
            const int most = int(get(y ? "n_i" : "n_e")) - (x == y);
            if (one.in_degree[y] > most) return std::fprintf(stderr, "in-degree above %d\n", most), 2;
        }
    }
    net.theta = float(get("theta"));
    net.reset = float(get("reset"));
    net.bridge = get("bridge") != 0;
    net.bits = get("bits") != 0;
    const long steps = long(get("steps"));
    const std::uint64_t seed = std::uint64_t(get("seed"));

    const auto now = [] { return std::chrono::steady_clock::now(); };
    const auto seconds = [](std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); };
    const auto started = now();
    connect(net, seed);
    const auto connected = now();

    Generator generator(seed + 1);
    State state;
    state.v.assign(net.total + block, -INFINITY);       // padding never spikes
    std::mt19937_64 random(seed + 2);
    for (const Population& one : net.populations)
        for (int k = one.first; k < one.first + one.size; k++)
            state.v[k] = net.reset + (net.theta - net.reset) * float(double(random() >> 11) / 9007199254740992.0);
    long spikes[2] = {0, 0};
    // Processor time, as Brian2 takes it: the figures compare on a shared machine too.
    const std::clock_t begun = std::clock();
    for (long k = 0; k < steps; k++) {
        step(net, generator, state);
        for (int x = 0; x < 2; x++) spikes[x] += long(state.spikes[x].size());
    }
    const double loop = double(std::clock() - begun) / CLOCKS_PER_SEC;
    const std::size_t bytes = net.rows.size() * 8 + net.pointers.size() * sizeof(std::size_t) + net.targets16.size() * 2
        + net.targets32.size() * 4;
    std::printf("{\"loop_seconds\": %.9g, \"connect_seconds\": %.9g, \"spikes\": [%ld, %ld], \"bytes\": %zu, "
                "\"wide\": %d}\n", loop, seconds(connected - started), spikes[0], spikes[1], bytes, WIDE);
}
