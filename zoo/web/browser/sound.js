// Files of sound as zoo/audio/decode.py gives them: one channel, at one rate.

/** Decode a file, an ArrayBuffer, to the mean of its channels, at its own rate, or else at one in Hz. */
export async function open(file, rate) {
  // A browser resamples to its context's rate, and roughly; so that is the file's own.
  const source = rateOf(new DataView(file)) ?? rate;
  const sound = await new OfflineAudioContext(1, 1, source).decodeAudioData(file);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, n) => symmetric(sound.getChannelData(n)));
  const mean = new Float32Array(sound.length);
  // Loops: with a function per sample, a long recording would stop the page for seconds.
  for (const channel of channels) for (let n = 0; n < mean.length; n++) mean[n] += channel[n] / channels.length;
  // Where the channels cancel each other out, the loudest: zoo/audio/channels.py, but of the whole file.
  const powers = channels.map(powerOf);
  const power = powers.reduce((sum, one) => sum + one) / powers.length;
  const cancels = power > Math.max(1e-6, 100 * powerOf(mean));
  return { mono: cancels ? channels[powers.indexOf(Math.max(...powers))] : mean, source };
}

/** Return the largest magnitude of samples. */
export function loudest(samples) {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most;
}

function powerOf(samples) {
  let sum = 0;
  for (let n = 0; n < samples.length; n++) sum += samples[n] * samples[n];
  return sum / samples.length;
}

/** Return the rate that a file's header tells, or undefined. */
function rateOf(view) {
  const is = (text, at) => at + text.length <= view.byteLength && [...text].every((letter, n) => view.getUint8(at + n) === letter.charCodeAt(0));
  const flac = (at) => view.getUint32(at + 18) >>> 12; // RFC 9639, section 8.2
  try {
    if (is("RIFF", 0)) {
      let at = 12;
      while (!is("fmt ", at)) at += 8 + view.getUint32(at + 4, true);
      return view.getUint32(at + 12, true);
    }
    if (is("OggS", 0)) {
      const at = 27 + view.getUint8(26); // the first packet, behind its page's header
      if (is("\x01vorbis", at)) return view.getUint32(at + 12, true);
      return is("OpusHead", at) ? 48000 : is("fLaC", at + 9) ? flac(at + 9) : undefined;
    }
    let at = 0;
    if (is("ID3", 0)) at = 10 + [6, 7, 8, 9].reduce((size, n) => size * 128 + view.getUint8(n), 0);
    if (is("fLaC", at)) return flac(at);
    const head = view.getUint16(at); // of a frame of MPEG audio layer III
    if ((head & 0xffe6) !== 0xffe2) return undefined;
    const halved = { 3: 1, 2: 2, 0: 4 }[(head >> 3) & 3]; // MPEG 1, 2 and 2.5
    return [44100, 48000, 32000][(view.getUint8(at + 2) >> 2) & 3] / halved || undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Undo that Chromium divides 16-bit samples by 32,768 below zero and by 32,767 above it. */
function symmetric(samples) {
  const uneven = samples.every((x) => Math.abs(x * 32767 - Math.round(x * 32767)) < 4e-3 || x < 0);
  return uneven ? samples.map((x) => (x > 0 ? (x * 32767) / 32768 : x)) : samples;
}

/**
 * Return a waveform at another rate, and a function that computes it up to a sample, as this takes
 * long: by a windowed sinc with the bands of soxr's quality HQ.
 */
export function resampling(waveform, source, target) {
  if (source === target) return { resampled: waveform, compute: () => {} };
  const [pass, stop, attenuation] = [0.913, 1, 126]; // of the lower Nyquist frequency; dB
  const common = gcd(source, target);
  const [up, down] = [target / common, source / common];
  const scale = Math.min(1, target / source);
  const cutoff = (scale * (pass + stop)) / 2;
  // Kaiser's formulas (Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6).
  const half = Math.ceil((attenuation - 7.95) / (2.285 * Math.PI * scale * (stop - pass)) / 2);
  const beta = 0.1102 * (attenuation - 8.7);
  const filters = Array.from({ length: up }, (_, phase) =>
    Float64Array.from({ length: 2 * half }, (_, n) => {
      const time = n - half + 1 - phase / up;
      const window = bessel(beta * Math.sqrt(Math.max(0, 1 - (time / half) ** 2))) / bessel(beta);
      const angle = Math.PI * cutoff * time;
      return cutoff * window * (angle ? Math.sin(angle) / angle : 1);
    }),
  );
  const resampled = new Float32Array(Math.max(1, Math.round((waveform.length * target) / source)));
  let n = 0;
  const compute = (stop) => {
    for (; n < Math.min(stop, resampled.length); n++) {
      const filter = filters[(n * down) % up];
      const first = Math.floor((n * down) / up) - half + 1;
      const end = Math.min(filter.length, waveform.length - first);
      let sum = 0;
      for (let k = Math.max(0, -first); k < end; k++) sum += filter[k] * waveform[first + k];
      resampled[n] = sum;
    }
  };
  return { resampled, compute };
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

/** The modified Bessel function of order zero. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let n = 1; term > 1e-12 * sum; n++) sum += term *= (x / (2 * n)) ** 2;
  return sum;
}
