// All stems on one clock.
//
// A song is fetched in pieces of PIECE_S seconds, the same of every stem, decoded, and scheduled at exact places of the
// audio context's own clock: stems cannot drift from each other, neither after an hour nor after a hundred jumps, and
// memory does not grow with the song. Where the next piece is not there in time, the song waits for it.

const PIECE_S = 5;
const AHEAD = 2; // pieces that are fetched before they are due
const KEPT = 6; // pieces that are kept for jumps
const LEAD_S = 0.05;

export class Player {
  // fetchPiece(stem, start, frames) gives the bytes of a sound file. onChange(error) tells of every change of state.
  constructor({ rate, samples, stems, fetchPiece, onChange }) {
    Object.assign(this, { rate, samples, fetchPiece, onChange });
    try {
      this.context = new AudioContext({ sampleRate: rate }); // so that nothing is resampled piece by piece
    } catch {
      this.context = new AudioContext();
    }
    this.out = this.context.createGain();
    this.out.connect(this.context.destination);
    this.gains = new Map();
    this.pieces = new Map();
    this.sources = new Set();
    this.playing = this.waiting = false;
    this.from = 0; // place in the song, in seconds, that is heard at `anchor` of the context's clock
    this.anchor = 0;
    this.until = 0; // place in the song up to which sound is scheduled
    this.run = 0; // grows with every start and halt, so that what an earlier one waited for is dropped
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
    return Math.min(this.until, this.from + Math.max(0, this.context.currentTime - this.anchor));
  }

  async play() {
    if (this.playing || this.closed) return;
    if (this.from >= this.seconds - 0.01) this.from = 0;
    this.playing = true;
    await this.context.resume();
    if (this.playing && !this.closed) this.start();
  }

  pause() {
    this.from = this.position;
    this.playing = false;
    this.halt();
  }

  seek(seconds) {
    this.halt();
    this.from = Math.max(0, Math.min(seconds, this.seconds));
    if (this.playing) this.start();
    else this.onChange();
  }

  close() {
    this.closed = true;
    this.playing = false;
    this.halt();
    this.pieces.clear();
    return this.context.close();
  }

  halt() {
    this.run += 1;
    for (const source of this.sources) source.stop();
    this.sources.clear();
    this.waiting = false;
    if (!this.closed) this.onChange();
  }

  wait(place) {
    this.from = place;
    this.waiting = true;
    this.onChange();
  }

  // Schedules piece after piece from this.from on, until halt().
  async start() {
    this.halt();
    const run = this.run;
    const frames = PIECE_S * this.rate;
    let place = Math.round(this.from * this.rate); // the next sample to be scheduled
    let due = null; // when it is to be heard
    this.wait(this.from);
    while (place < this.samples) {
      const number = Math.floor(place / frames);
      const coming = this.piece(number);
      // Should the piece not be there when the last one ends, the song waits in that moment.
      const alarm = due === null ? 0 : setTimeout(() => run === this.run && this.wait(place / this.rate), 1000 * this.left(due));
      let buffers;
      try {
        buffers = await coming;
      } catch (error) {
        if (run !== this.run) return;
        this.pause();
        this.onChange(error);
        return;
      } finally {
        clearTimeout(alarm);
      }
      if (run !== this.run) return;
      this.prefetch(number + 1, run);
      if (due === null || this.left(due) < LEAD_S) {
        // On a whole sample, and a little ahead: all stems begin in the same one.
        due = Math.ceil((this.context.currentTime + LEAD_S) * this.rate) / this.rate;
        this.from = place / this.rate;
        this.anchor = due;
      }
      const end = Math.min((number + 1) * frames, this.samples);
      this.schedule(buffers, due, (place - number * frames) / this.rate);
      due += (end - place) / this.rate;
      place = end;
      this.until = place / this.rate;
      if (this.waiting) {
        this.waiting = false;
        this.onChange();
      }
      await this.reach(due - PIECE_S * 0.6, run);
      if (run !== this.run) return;
    }
    if (due !== null) await this.reach(due, run);
    if (run !== this.run) return;
    this.playing = false;
    this.from = this.seconds;
    this.onChange();
  }

  schedule(buffers, due, offset) {
    buffers.forEach((buffer, index) => {
      if (offset >= buffer.duration) return;
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains.get(this.stems[index]));
      source.onended = () => this.sources.delete(source);
      source.start(due, offset);
      this.sources.add(source);
    });
  }

  left(moment) {
    return moment - this.context.currentTime;
  }

  // Waits for a moment of the context's clock, which stands still while the page may not sound.
  async reach(moment, run) {
    while (run === this.run && this.left(moment) > 0) await new Promise((resolve) => setTimeout(resolve, 60));
  }

  // AHEAD pieces, one after the other: together, the one that is due first would come later.
  async prefetch(first, run) {
    for (let number = first; number < first + AHEAD && run === this.run; number += 1) {
      try {
        await this.piece(number);
      } catch {
        return; // told when it is due
      }
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
