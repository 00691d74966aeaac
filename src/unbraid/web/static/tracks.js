// One row a stem: name, mute and solo, level, outline, and where to get it.

import * as api from "./api.js";

const COLOURS = { vocals: "#c0392b", drums: "#d68910", bass: "#1e8449", other: "#2471a3" };
const OTHERS = ["#7d3c98", "#117a65", "#a04000", "#5d6d7e", "#b03a7c", "#2e86c1"];

export class Tracks {
  // onGains(name -> gain) hears of every change; onSeek(fraction) of a click into an outline.
  constructor(place, onGains, onSeek) {
    Object.assign(this, { place, onGains, onSeek, rows: new Map() });
    new ResizeObserver(() => this.draw()).observe(place);
  }

  // Levels and mutes of stems that were there before stay as they are.
  show(id, stems, outlines) {
    const before = this.id === id ? this.rows : new Map();
    this.id = id;
    this.rows = new Map();
    const loudest = Math.max(1, ...Object.values(outlines).flat()); // all to one scale, and the loudest fills its row
    let other = 0;
    for (const [name, facts] of Object.entries(stems)) {
      const colour = COLOURS[name] ?? OTHERS[other++ % OTHERS.length];
      const old = before.get(name);
      const row = { name, facts, colour, outline: (outlines[name] ?? []).map((level) => level / loudest), gain: old?.gain ?? 1 };
      // An asked sound is in a stem already: heard beside it, it would be too loud.
      Object.assign(row, { muted: old?.muted ?? Boolean(facts.query), solo: old?.solo ?? false });
      this.rows.set(name, row);
    }
    this.place.replaceChildren(...[...this.rows.values()].map((row) => this.build(row)));
    this.changed();
    this.draw();
  }

  build(row) {
    const line = document.createElement("div");
    line.className = "track";
    const label = document.createElement("div");
    label.className = "label";
    label.append(row.facts.query ?? row.name);
    if (row.facts.query) label.append(small(presence(row.facts.presence)));
    const keys = document.createElement("div");
    keys.append(toggle("M", `Mute ${row.name}`, row.muted, (on) => { row.muted = on; this.changed(); }));
    keys.append(toggle("S", `Only ${row.name}`, row.solo, (on) => { row.solo = on; this.changed(); }));
    const level = document.createElement("input");
    Object.assign(level, { type: "range", min: 0, max: 1.5, step: 0.01, value: row.gain });
    level.setAttribute("aria-label", `Level of ${row.name}`);
    level.oninput = () => { row.gain = Number(level.value); this.changed(); };
    level.ondblclick = () => { level.value = row.gain = 1; this.changed(); };
    row.canvas = document.createElement("canvas");
    const seek = (event) => this.onSeek(event.offsetX / row.canvas.clientWidth);
    row.canvas.onpointerdown = seek;
    row.canvas.onpointermove = (event) => event.buttons && seek(event);
    const save = document.createElement("a");
    Object.assign(save, { href: api.stem(this.id, row.name), download: "", textContent: "↓", title: `Save ${row.name}` });
    line.append(label, keys, level, row.canvas, save);
    row.line = line;
    return line;
  }

  gains() {
    const rows = [...this.rows.values()];
    const solo = rows.some((row) => row.solo);
    return Object.fromEntries(rows.map((row) => [row.name, (solo ? !row.solo : row.muted) ? 0 : row.gain]));
  }

  changed() {
    const gains = this.gains();
    for (const row of this.rows.values()) row.line.classList.toggle("unheard", gains[row.name] === 0);
    this.onGains(gains);
  }

  // fraction: of the song, where it is now.
  draw(fraction = this.fraction ?? 0) {
    this.fraction = fraction;
    for (const row of this.rows.values()) paint(row, fraction);
  }
}

function paint({ canvas, outline, colour }, fraction) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, width, height);
  const played = width * fraction;
  for (let x = 0; x < width; x += 1) {
    const level = outline[Math.floor((x / width) * outline.length)] ?? 0;
    const half = Math.max(0.5, (level * height) / 2);
    brush.globalAlpha = x < played ? 1 : 0.45;
    brush.fillStyle = colour;
    brush.fillRect(x, height / 2 - half, 1, 2 * half);
  }
}

function presence(value) {
  if (value === null || value === undefined) return "";
  return value < 0.5 ? `probably not in it (${Math.round(100 * value)} %)` : `heard (${Math.round(100 * value)} %)`;
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}

function toggle(letter, label, on, change) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: letter, title: label });
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-pressed", on);
  button.onclick = () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", now);
    change(now);
  };
  return button;
}
