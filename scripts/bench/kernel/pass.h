// One pass over a population: kicks of the last step, update with noise, threshold. Included by delta_lif.cpp.

#if WIDE
// Adds the kicks of up to 255 spikes to 64 neurons: each row gives one mask.
static inline void add_kicks(const std::vector<const std::uint64_t*>& rows, int word, float kick, __m512 v[4]) {
    const std::size_t number = rows.size();
    const std::uint64_t* const* row = rows.data();
    const __m512 kicks = _mm512_set1_ps(kick);
    if (number <= 3) {
        for (std::size_t k = 0; k < number; k++) {
            const std::uint64_t bits = row[k][word];
            for (int q = 0; q < 4; q++) v[q] = _mm512_mask_add_ps(v[q], __mmask16(bits >> 16 * q), v[q], kicks);
        }
        return;
    }
    const __m512i minus_one = _mm512_set1_epi8(-1);
    for (std::size_t from = 0; from < number; from += 255) {
        const std::size_t to = std::min(number, from + 255);
        __m512i counts = _mm512_setzero_si512();
        for (std::size_t k = from; k < to; k++)
            counts = _mm512_mask_sub_epi8(counts, __mmask64(row[k][word]), counts, minus_one);
        const __m128i quarter[4] = {_mm512_castsi512_si128(counts), _mm512_extracti32x4_epi32(counts, 1),
                                    _mm512_extracti32x4_epi32(counts, 2), _mm512_extracti32x4_epi32(counts, 3)};
        for (int q = 0; q < 4; q++)
            v[q] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(quarter[q])), kicks, v[q]);
    }
}

template <bool bridge>
static inline void update_chunk(const Network& net, const Population& one, State& state, int first, const float* z) {
    float* membrane = state.v.data() + first;
    __m512 v[4];
    for (int q = 0; q < 4; q++) v[q] = _mm512_loadu_ps(membrane + 16 * q);
    for (int x = 0; x < 2; x++) add_kicks(state.rows[x], first / chunk, one.kick[x], v);
    const __m512 decay = _mm512_set1_ps(one.decay), drift = _mm512_set1_ps(one.drift);
    const __m512 noise = _mm512_set1_ps(one.noise), theta = _mm512_set1_ps(net.theta);
    const __m512 cut = _mm512_set1_ps(bridge_cut / 2 * one.variance);
    std::uint64_t over = 0;
    for (int q = 0; q < 4; q++) {
        const __m512 start = v[q];
        const __m512 now = _mm512_fmadd_ps(start, decay, _mm512_fmadd_ps(_mm512_loadu_ps(z + 16 * q), noise, drift));
        _mm512_storeu_ps(membrane + 16 * q, now);
        const __mmask16 above = _mm512_cmp_ps_mask(now, theta, _CMP_GT_OQ);
        if (bridge) {
            const __m512 distances = _mm512_mul_ps(_mm512_sub_ps(theta, start), _mm512_sub_ps(theta, now));
            const __mmask16 near = above | _mm512_cmp_ps_mask(distances, cut, _CMP_LT_OQ);
            if (near) {
                Crossings& to = state.crossings;
                const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
                const __m512i neuron = _mm512_add_epi32(lane, _mm512_set1_epi32(first + 16 * q));
                const __m512 exponent = _mm512_mul_ps(distances, _mm512_set1_ps(-2 / one.variance));
                const __m512 certain = _mm512_mask_mov_ps(exponent, above, _mm512_set1_ps(1.0f));
                _mm512_storeu_si512(to.neuron + to.number, _mm512_maskz_compress_epi32(near, neuron));
                _mm512_storeu_ps(to.exponent + to.number, _mm512_maskz_compress_ps(near, certain));
                _mm512_storeu_ps(to.start + to.number, _mm512_maskz_compress_ps(near, start));
                to.number += __builtin_popcount(near);
            }
        } else {
            over |= std::uint64_t(above) << 16 * q;
        }
    }
    for (; over; over &= over - 1) state.hit.push_back(first + __builtin_ctzll(over));
}
#else
template <bool bridge>
static inline void update_chunk(const Network& net, const Population& one, State& state, int first, const float* z) {
    float* membrane = state.v.data() + first;
    float kicked[chunk], now[chunk];
    std::memcpy(kicked, membrane, sizeof kicked);
    static const struct Table {  // eight bits -> eight bytes of 0 or 1
        std::uint64_t bytes[256];
        Table() {
            for (int k = 0; k < 256; k++) {
                bytes[k] = 0;
                for (int b = 0; b < 8; b++) bytes[k] |= std::uint64_t(k >> b & 1) << 8 * b;
            }
        }
    } table;
    for (int x = 0; x < 2; x++)
        for (std::size_t from = 0; from < state.rows[x].size(); from += 255) {
            const std::size_t to = std::min(state.rows[x].size(), from + 255);
            std::uint64_t sums[8] = {0};
            for (std::size_t k = from; k < to; k++) {
                const std::uint64_t bits = state.rows[x][k][first / chunk];
                for (int b = 0; b < 8; b++) sums[b] += table.bytes[bits >> 8 * b & 255];
            }
            std::uint8_t counts[chunk];
            std::memcpy(counts, sums, sizeof counts);
            for (int k = 0; k < chunk; k++) kicked[k] += one.kick[x] * float(counts[k]);
        }
    int candidates = 0;
    const float cut = bridge_cut / 2 * one.variance;
    for (int k = 0; k < chunk; k++) {
        now[k] = kicked[k] * one.decay + (one.drift + one.noise * z[k]);
        const bool near = bridge && (net.theta - kicked[k]) * (net.theta - now[k]) < cut;
        candidates += (now[k] > net.theta) | near;
    }
    std::memcpy(membrane, now, sizeof now);
    if (!candidates) return;
    Crossings& to = state.crossings;
    for (int k = 0; k < chunk; k++) {
        const float distances = (net.theta - kicked[k]) * (net.theta - now[k]);
        const bool above = now[k] > net.theta;
        if (!bridge && above) state.hit.push_back(first + k);
        if (!bridge || !(above || distances < cut)) continue;
        to.neuron[to.number] = first + k;
        to.exponent[to.number] = above ? 1.0f : -2 * distances / one.variance;
        to.start[to.number++] = kicked[k];
    }
}
#endif

// Which of the candidates of a block crossed, and where their paths go on.
static void decide_crossings(const Network& net, Generator& generator, State& state) {
    Crossings& found = state.crossings;
    alignas(64) static std::uint32_t words[block + 16];
    alignas(64) static std::uint8_t crossed[block + 16];
    generator.fill_words(words, (found.number + 15) / 16 * 16);
    for (int k = 0; k < found.number; k++) {
        // exp(y) by 2^whole * 2^fraction; the fraction's series is exact to 1e-6.
        const float y = std::min(std::max(found.exponent[k] * 1.44269504f, -30.0f), 1.0f);
        const float whole = std::floor(y), f = (y - whole) * 0.69314718f;
        float e = 1 + f * (1 + f * (0.5f + f * (0.16666667f + f * (0.041666667f + f * (0.0083333f + f * 0.0013889f)))));
        e *= Generator::as_float(std::uint32_t(std::int32_t(whole) + 127) << 23);
        crossed[k] = (float(words[k] >> 8) + 0.5f) * 0x1p-24f < e;
    }
    for (int k = 0; k < found.number; k++)
        if (crossed[k]) {
            const int neuron = int(found.neuron[k]);
            state.hit.push_back(neuron);
            state.rest.push_back(net.reset + state.v[neuron] - std::max(found.start[k], net.theta));
        }
    found.number = 0;
}

template <bool bridge>
static void pass(const Network& net, const Population& one, Generator& generator, State& state) {
    alignas(64) static float z[block];
    for (int from = one.first; from < one.end; from += block) {
        const int number = std::min(block, one.end - from);
        generator.fill_normals(z, number);
        for (int k = 0; k < number; k += chunk) {
            const int word = (from + k) / chunk;
            if (word % 8 == 0 && word + ahead < net.words())
                for (const auto& rows : state.rows)
                    for (const std::uint64_t* row : rows) __builtin_prefetch(row + word + ahead);
            update_chunk<bridge>(net, one, state, from + k, z + k);
        }
        if (bridge) decide_crossings(net, generator, state);
    }
}
