// All stems on one clock.
//
// A song is fetched in pieces of PIECE_S seconds, the same of every stem, decoded, and scheduled at exact places of the
// audio context's own clock: stems cannot drift from each other, neither after an hour nor after a hundred jumps, and
// memory does not grow with the song. If pieces come too late the clock stands still until they are there.

const PIECE_S = 5;
const AHEAD = 2; // pieces that are fetched before they are due
const KEPT = 6; // pieces that are kept for jumps
const LEAD_S = 0.05;

export class Player {
  // fetchPiece(stem, start, frames) gives the bytes of a sound file. onEnd and onWait(waiting) tell of the state.
  constructor({ rate, samples, stems, fetchPiece, onEnd, onWait }) {
    Object.assign(this, { rate, samples, fetchPiece, onEnd, onWait });
    try {
      this.context = new AudioContext({ sampleRate: rate }); // so that nothing is resampled piece by piece
    } catch {
      this.context = new AudioContext();
    }
    this.out = this.context.createGain();
    this.out.connect(this.context.destination);
    this.gains = new Map();
    this.pieces = new Map();
    this.playing = false;
    this.from = 0; // place in the song, in seconds, where the clock was anchor
    this.anchor = 0;
    this.run = 0; // grows with every start, so that what an earlier one waited for is dropped
    this.sources = new Set();
    this.setStems(stems);
  }

  setStems(stems) {
    this.stems = [...stems];
    for (const name of stems) {
      if (this.gains.has(name)) continue;
      const gain = this.context.createGain();
      gain.connect(this.out);
      this.gains.set(name, gain);
    }
    this.pieces.clear();
  }

  // gains: name -> factor. What is turned up turns all the others down, so that nothing clips that did not before.
  setGains(gains) {
    const now = this.context.currentTime;
    for (const [name, value] of Object.entries(gains)) this.gains.get(name)?.gain.setTargetAtTime(value, now, 0.01);
    this.out.gain.setTargetAtTime(1 / Math.max(1, ...Object.values(gains)), now, 0.01);
  }

  get seconds() {
    return this.samples / this.rate;
  }

  get position() {
    if (!this.playing || this.waiting) return this.from;
    return Math.min(this.seconds, this.from + Math.max(0, this.context.currentTime - this.anchor));
  }

  async play() {
    if (this.playing) return;
    if (this.position >= this.seconds - 0.01) this.from = 0;
    this.playing = true;
    await this.context.resume();
    this.start();
  }

  pause() {
    this.from = this.position;
    this.playing = false;
    this.halt();
  }

  seek(seconds) {
    const place = Math.max(0, Math.min(seconds, this.seconds));
    this.halt();
    this.from = place;
    if (this.playing) this.start();
  }

  close() {
    this.playing = false;
    this.halt();
    this.pieces.clear();
    return this.context.close();
  }

  halt() {
    this.run += 1;
    for (const source of this.sources) source.stop();
    this.sources.clear();
    this.setWaiting(false);
  }

  setWaiting(waiting) {
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    this.onWait?.(waiting);
  }

  // Schedules piece after piece from this.from on, until halt().
  async start() {
    const run = (this.run += 1);
    const frames = PIECE_S * this.rate;
    const first = Math.round(this.from * this.rate);
    let number = Math.floor(first / frames);
    let skip = first - number * frames;
    let due = null; // when the piece is to be heard, on the context's clock
    while (number * frames < this.samples) {
      const coming = this.piece(number);
      for (let next = number + 1; next <= number + AHEAD; next += 1) this.piece(next);
      const late = due === null || this.context.currentTime > due - LEAD_S;
      if (late) {
        if (due !== null) this.from = (number * frames + skip) / this.rate;
        this.setWaiting(true);
      }
      let buffers;
      try {
        buffers = await coming;
      } catch (error) {
        if (run === this.run) {
          this.pause();
          this.onWait?.(false, error);
        }
        return;
      }
      if (run !== this.run) return;
      if (late || this.context.currentTime > due - LEAD_S) {
        // On a whole sample, and a little ahead: all stems begin in the same one.
        due = Math.ceil((this.context.currentTime + LEAD_S) * this.rate) / this.rate;
        this.from = (number * frames + skip) / this.rate;
        this.anchor = due;
        this.setWaiting(false);
      }
      this.schedule(buffers, due, skip / this.rate);
      due += (Math.min(frames, this.samples - number * frames) - skip) / this.rate;
      skip = 0;
      number += 1;
      await this.until(due - PIECE_S * 0.6, run);
      if (run !== this.run) return;
    }
    if (due !== null) await this.until(due, run);
    if (run === this.run && this.playing) {
      this.playing = false;
      this.from = this.seconds;
      this.onEnd?.();
    }
  }

  schedule(buffers, due, offset) {
    buffers.forEach((buffer, index) => {
      if (!buffer || offset >= buffer.duration) return;
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains.get(this.stems[index]));
      source.onended = () => this.sources.delete(source);
      source.start(due, offset);
      this.sources.add(source);
    });
  }

  // Waits for a moment of the context's clock, which stands still while the page may not sound.
  async until(moment, run) {
    while (run === this.run && this.context.currentTime < moment) {
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  }

  // One piece of every stem, decoded; null beyond the end.
  piece(number) {
    const frames = PIECE_S * this.rate;
    const start = number * frames;
    if (start >= this.samples) return null;
    let held = this.pieces.get(number);
    if (!held) {
      held = Promise.all(
        this.stems.map(async (name) => this.context.decodeAudioData(await this.fetchPiece(name, start, frames))),
      );
      held.catch(() => this.pieces.delete(number)); // asked for again when it is due
      this.pieces.set(number, held);
      while (this.pieces.size > KEPT) this.pieces.delete(this.pieces.keys().next().value);
    }
    return held;
  }
}
