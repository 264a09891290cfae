// The frequency above which a recording has nothing, as zoo/audio/bandwidth.py finds it, with its
// numbers, in the spectra that zoo/audio/properties.py takes.

const BLOCK = 1 << 18; // samples that are looked at together
const [FRAMES, BLOCKS] = [12, 64]; // spectra of a block, and blocks whose spectra are held
export const SILENCE = 10 ** (-70 / 20); // zoo/audio/loudness.py
const RANGE = 10 ** (-40 / 20);
const [OFTEN, SELDOM] = [0.9, 0.2]; // shares of the spectra with less in a band
const [BELOW, ABOVE, TOP] = [2 ** (1 / 3), 1.09, 0.02]; // what a cut-off compares
const [STEEP, STEEP_TO_NOISE] = [30, 10]; // dB that sound falls there
const [FLAT, STEADY, QUIET, ROUNDING] = [10, 8, -40, -130]; // dB: what is noise
const LEAST = 12; // bands below a cut-off
const NOTHING = 1e-17;
const RATES = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000];
const [POINTS, SMOOTH] = [48, 2]; // of a mirror image
const [MIRRORED, PERHAPS, MOST] = [0.4, 0.3, 0.75]; // its correlation, and the share of spectra

const sum = (values) => values.reduce((a, b) => a + b, 0);
const decibels = (power) => 10 * Math.log10(power + NOTHING);

/** Return it in Hz for a mono waveform and its rate in Hz; null for silence. */
export function bandwidth(waveform, rate) {
  const powers = spectra(waveform, rate);
  if (!powers.length) return null;
  const bins = powers[0].length;
  const width = rate / bins;
  const top = mirror(powers, rate);
  const bands = Array.from({ length: Math.min(bins / 2, Math.round(top / width)) }, (_, n) =>
    Float64Array.from(powers, (row) => (row[2 * n] + row[2 * n + 1]) / 2).sort(),
  );
  return Math.round(Math.min(top, cutOff(bands, powers.length - 1, width) * width));
}

/** Return short-time power densities near the loudest moments of each block. */
function spectra(waveform, rate) {
  const size = 2 ** Math.round(Math.log2(rate / 44));
  const cell = Math.max(1, Math.floor(rate / 100));
  const block = Math.floor(BLOCK / cell) * cell;
  let [held, every] = [[], 1];
  for (let number = 0; number * block < waveform.length; number++) {
    if (number % every) continue;
    const part = waveform.subarray(number * block, (number + 1) * block);
    const loud = peaks(part, cell);
    const floor = Math.max(SILENCE, RANGE * Math.max(...loud));
    let places = loud.flatMap((peak, n) => (peak >= floor ? [n * cell] : []));
    if (!places.length) continue;
    if (places.length > FRAMES) places = Array.from({ length: FRAMES }, (_, n) => places[Math.floor((n * places.length) / FRAMES)]);
    const length = Math.min(size, part.length);
    const begins = places.map((place) => Math.max(0, Math.min(place + Math.floor((cell - length) / 2), part.length - length)));
    held.push(begins.map((begin) => power(part.subarray(begin, begin + length), size, rate)));
    if (held.length > BLOCKS) [held, every] = [held.filter((_, n) => n % 2 === 0), 2 * every];
  }
  return held.flat();
}

/** Return half the range of each cell of so many samples. */
export function peaks(samples, cell) {
  const found = [];
  for (let at = 0; at < samples.length; at += cell) {
    let [low, high] = [samples[at], samples[at]];
    for (const sample of samples.subarray(at, at + cell)) {
      if (sample < low) low = sample;
      if (sample > high) high = sample;
    }
    found.push((high - low) / 2);
  }
  return found;
}

/** Return the power density of a frame under a Hann window, from 0 to half the rate. */
function power(frame, size, rate) {
  const window = Float64Array.from(frame, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (n + 1)) / (frame.length + 1)));
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
  frame.forEach((sample, n) => (real[n] = sample * window[n]));
  transform(real, imaginary);
  const scale = 2 / (sum(window.map((w) => w * w)) * rate);
  return Float64Array.from({ length: size / 2 }, (_, n) => scale * (real[n] ** 2 + imaginary[n] ** 2));
}

/** Fast Fourier transform in place, of a power of two. */
function transform(real, imaginary) {
  const size = real.length;
  for (let n = 1, turned = 0; n < size; n++) {
    let bit = size >> 1;
    for (; turned & bit; bit >>= 1) turned ^= bit;
    turned ^= bit;
    if (n < turned) [real[n], real[turned]] = [real[turned], real[n]];
  }
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let low = k; low < size; low += 2 * half) {
        const high = low + half;
        const [x, y] = [real[high] * c - imaginary[high] * s, real[high] * s + imaginary[high] * c];
        [real[high], imaginary[high]] = [real[low] - x, imaginary[low] - y];
        real[low] += x;
        imaginary[low] += y;
      }
    }
  }
}

/** Return the number of bands, each sorted, below the cut-off; all if there is none. */
function cutOff(bands, last, width) {
  const count = bands.length;
  const often = bands.map((band) => decibels(band[Math.floor(OFTEN * last)]));
  const seldom = bands.map((band) => decibels(band[Math.floor(SELDOM * last)]));
  let [fall, below, above, behind] = [-Infinity];
  for (let edge = 1; edge < count; edge++) {
    const first = Math.floor(edge * ABOVE) + 2;
    if (first >= count * (1 - TOP) - 2) break;
    const content = often.slice(Math.floor(edge / BELOW), edge + 1);
    const rest = often.slice(first);
    const highest = Math.max(...rest);
    const mean = sum(content) / content.length;
    const spread = sum(rest.map((level, n) => level - seldom[first + n])) / rest.length;
    const isNoise = highest - Math.min(...rest) < FLAT && spread < STEADY && highest < QUIET - decibels(width * count);
    const own = edge < LEAST && highest > ROUNDING ? -Infinity : mean - highest - (isNoise ? STEEP_TO_NOISE : STEEP);
    if (own > fall) [fall, below, above, behind] = [own, mean, highest, first];
  }
  if (fall < 0) return count;
  return often.slice(0, behind).findLastIndex((level) => level > above + (below - above) / 2) + 1;
}

/** Return half the rate that a recording was brought to this one from without a filter. */
function mirror(powers, rate) {
  const bins = powers[0].length;
  const logarithms = powers.map((row) => row.map((value) => Math.log10(value + NOTHING)));
  const mean = (rows) => Float64Array.from({ length: bins }, (_, n) => sum(rows.map((row) => row[n])) / rows.length);
  const some = mean(Array.from({ length: FRAMES }, (_, n) => logarithms[Math.floor((n * powers.length) / FRAMES)]));
  const usual = mean(logarithms);
  const places = RATES.map((source) => [source / 2, points((source * bins) / rate, bins)]).filter(([, found]) => found);
  if (!places.some(([, found]) => likeness([some], found) > PERHAPS)) return rate / 2;
  for (const [half, found] of places) {
    const often = sum(logarithms.map((row) => likeness([row], found) > PERHAPS)) / powers.length >= MOST;
    const alike = often ? likeness(logarithms.map((row) => row.map((value, n) => value - usual[n])), found) : 0;
    if (alike > MIRRORED) return half;
  }
  return rate / 2;
}

/** Return bins as far below a place as above it, from the middle; undefined if they are too few. */
function points(middle, bins) {
  const reach = 0.75 * Math.min(middle, bins - 2 - middle);
  const least = Math.max(3, middle / 20);
  if (reach - least <= POINTS / 4) return undefined;
  const steps = Array.from({ length: POINTS }, (_, n) => Math.round(least + (n * (reach - least)) / (POINTS - 1)));
  return [steps.map((step) => middle - step), steps.map((step) => middle + step)];
}

/** Return the correlation of the fine structure of both sides over some rows. */
function likeness(rows, sides) {
  let [both, one, other] = [0, 0, 0];
  for (const row of rows) {
    const [low, high] = sides.map((places) => {
      const values = places.map((place) => {
        const part = place - Math.floor(place);
        return row[Math.floor(place)] * (1 - part) + row[Math.floor(place) + 1] * part;
      });
      return values.slice(1).map((value, n) => value - values[n]);
    });
    low.forEach((value, n) => {
      both += value * high[n];
      one += value * value;
      other += high[n] * high[n];
    });
  }
  return both / (Math.sqrt(one * other) + SMOOTH);
}
