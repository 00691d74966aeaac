// The songs that this browser knows: their list on the page, their ids in the browser's memory, their states.
//
// A song is found by its id alone, and this browser is who keeps it.

import * as api from "./api.js";

const KEPT = "unbraid-songs";
const LOOK_MS = 400;
const MOST = 200;

const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? "[]");

// Other tabs write there, too: what is there is read again before every change.
function keep(change) {
  localStorage.setItem(KEPT, JSON.stringify(change(kept()).slice(-MOST)));
}

export class Songs {
  // onState(song, before) hears of every change of a song, onChoose(song) of a click, onTrouble(error) of what failed.
  constructor(place, { onState, onChoose, onGone, onTrouble }) {
    Object.assign(this, { place, onState, onChoose, onGone, onTrouble });
    this.songs = new Map();
    this.rows = new Map();
    this.chosen = null;
  }

  async begin() {
    const ids = kept().map((song) => song.id);
    // A desk that has other songs does not make this browser forget these.
    if (ids.length) for (const status of await api.states(ids)) if (status.state !== "gone") this.know(status);
    return [...this.songs.values()];
  }

  get(id) {
    return this.songs.get(id);
  }

  know(status) {
    const before = this.songs.get(status.id);
    this.songs.set(status.id, status);
    this.show(status);
    if (JSON.stringify(before) !== JSON.stringify(status)) this.onState(status, before);
    if (["waiting", "running"].includes(status.state)) this.look();
  }

  // One request for all songs that are not done, again and again while there are any.
  look() {
    this.looking ??= setTimeout(async () => {
      const ids = [...this.songs.values()].filter((song) => ["waiting", "running"].includes(song.state)).map((song) => song.id);
      let states = [];
      try {
        states = ids.length ? await api.states(ids) : [];
      } catch {
        // The desk may be there again the next time.
      }
      this.looking = undefined;
      for (const status of states) {
        if (!this.songs.has(status.id)) continue; // removed in the meantime
        if (status.state === "gone") this.forget(status.id);
        else this.know(status);
      }
      if (ids.length) this.look();
    }, LOOK_MS);
  }

  async take(file) {
    const id = `upload-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    const { done, abort } = api.upload(file, (fraction) => this.show({ id, name: file.name, state: "uploading", fraction, abort }));
    this.show({ id, name: file.name, state: "uploading", fraction: 0, abort });
    try {
      const status = await done;
      this.hide(id);
      if (!status) return null;
      keep((songs) => [...songs, { id: status.id, name: status.name }]);
      this.know(status);
      return status.id;
    } catch (error) {
      this.hide(id);
      this.onTrouble(new Error(`${file.name}: ${error.message}`));
      return null;
    }
  }

  async remove(song) {
    if (song.abort) return song.abort();
    try {
      await api.remove(song.id);
    } catch (error) {
      if (error.status !== 404) return this.onTrouble(error);
    }
    this.forget(song.id);
  }

  forget(id) {
    keep((songs) => songs.filter((song) => song.id !== id));
    this.songs.delete(id);
    this.hide(id);
    this.onGone(id);
  }

  choose(id) {
    this.chosen = id;
    for (const [other, row] of this.rows) row.name.classList.toggle("chosen", other === id);
  }

  // Rows are changed in place: one that is made anew loses clicks and the keyboard's focus.
  show(song) {
    const row = this.rows.get(song.id) ?? this.build(song.id);
    row.song = song;
    row.name.textContent = song.name;
    row.name.disabled = !song.report;
    const moves = ["uploading", "running"].includes(song.state);
    row.bar.hidden = !moves;
    row.bar.value = song.fraction ?? 0;
    row.bar.setAttribute("aria-label", song.state);
    const waits = song.ahead ? `${song.ahead} before it` : "waits";
    row.state.textContent = { waiting: waits, failed: song.why }[song.state] ?? "";
    row.away.title = `Remove ${song.name}`;
    row.away.setAttribute("aria-label", row.away.title);
  }

  build(id) {
    const row = {};
    row.item = document.createElement("li");
    row.name = button("name", "");
    row.state = document.createElement("span");
    row.state.className = "quiet";
    row.bar = document.createElement("progress");
    row.away = button("away", "×");
    row.name.onclick = () => this.onChoose(row.song);
    row.away.onclick = () => this.remove(row.song);
    const middle = document.createElement("span");
    middle.append(row.bar, row.state);
    row.item.append(row.name, middle, row.away);
    this.rows.set(id, row);
    this.place.append(row.item);
    return row;
  }

  hide(id) {
    this.rows.get(id)?.item.remove();
    this.rows.delete(id);
  }
}

function button(name, text) {
  return Object.assign(document.createElement("button"), { type: "button", className: name, textContent: text });
}
