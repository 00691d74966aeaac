// The page: songs that this browser knows, and the one that lies on the desk.

import * as api from "./api.js";
import { Player } from "./player.js";
import { Tracks } from "./tracks.js";

const $ = (id) => document.getElementById(id);
const KEPT = "unbraid-songs";

// Songs are found by their ids alone, and this browser is who keeps them: id -> {id, name, state, fraction...}.
const songs = new Map();
let chosen = null;
let wanted = null; // what is put on the desk as soon as it is done
let player = null;

const tracks = new Tracks($("tracks"), heard, (fraction) => player?.seek(fraction * player.seconds));

function heard(gains) {
  player?.setGains(gains);
  const some = Object.entries(gains).filter(([, gain]) => gain > 0);
  $("mix").toggleAttribute("href", some.length > 0);
  if (chosen && some.length) $("mix").href = api.mix(chosen, some.map(([name, gain]) => [name, gain.toFixed(2)]));
}

function trouble(error) {
  $("trouble").textContent = error ? error.message ?? String(error) : "";
  $("trouble").hidden = !error;
}

function keep() {
  localStorage.setItem(KEPT, JSON.stringify([...songs.values()].filter((song) => song.id).map(({ id, name }) => ({ id, name }))));
}

// The list

function list() {
  $("songs").replaceChildren(...[...songs.values()].map(line));
}

function line(song) {
  const item = document.createElement("li");
  const name = document.createElement("button");
  Object.assign(name, { type: "button", className: "name", textContent: song.name, disabled: !song.report });
  name.classList.toggle("chosen", song.id === chosen);
  name.onclick = () => choose(song.id);
  const state = document.createElement("span");
  state.className = "quiet";
  if (song.state === "uploading" || song.state === "running") {
    const bar = document.createElement("progress");
    bar.value = song.fraction ?? 0;
    bar.setAttribute("aria-label", song.state);
    state.append(bar);
  } else {
    state.textContent = { waiting: song.ahead ? `${song.ahead} before it` : "waits", failed: song.why, done: "" }[song.state] ?? "";
  }
  const away = document.createElement("button");
  Object.assign(away, { type: "button", textContent: "×", title: `Remove ${song.name}` });
  away.setAttribute("aria-label", `Remove ${song.name}`);
  away.onclick = () => forget(song);
  item.append(name, state, away);
  return item;
}

function know(status) {
  if (status.state === "gone") return forgotten(status.id);
  const before = songs.get(status.id);
  songs.set(status.id, { ...before, ...status, follow: before?.follow });
  list();
  if (status.state === "failed" && status.report) trouble(new Error(status.why));
  if (status.state === "done" && [chosen, wanted].includes(status.id)) choose(status.id);
}

function watch(id) {
  songs.get(id)?.follow?.();
  const stop = api.follow(id, (status) => know({ ...status, id }));
  songs.get(id).follow = stop;
}

async function take(file) {
  const place = `upload-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  songs.set(place, { name: file.name, state: "uploading", fraction: 0 });
  list();
  try {
    const status = await api.upload(file, (fraction) => {
      songs.get(place).fraction = fraction;
      list();
    });
    songs.delete(place);
    songs.set(status.id, status);
    wanted = status.id;
    keep();
    watch(status.id);
  } catch (error) {
    songs.delete(place);
    trouble(new Error(`${file.name}: ${error.message}`));
  }
  list();
}

async function forget(song) {
  try {
    if (song.id) await api.remove(song.id);
  } catch (error) {
    if (error.status !== 404) return trouble(error);
  }
  forgotten(song.id);
}

function forgotten(id) {
  songs.get(id)?.follow?.();
  songs.delete(id);
  if (chosen === id) clear();
  keep();
  list();
}

// The desk

async function clear() {
  chosen = null;
  $("desk").hidden = true;
  await player?.close();
  player = null;
}

async function choose(id) {
  const song = songs.get(id);
  if (!song?.report) return;
  const { stems, samples, rate } = song.report;
  try {
    const outlines = await api.outlines(id);
    if (chosen !== id || !player) {
      await clear();
      const fetchPiece = (name, start, frames) => api.piece(id, name, start, frames);
      player = new Player({ rate, samples, stems: Object.keys(stems), fetchPiece, onEnd: state, onWait: waits });
      $("sounds").replaceChildren();
    } else {
      const place = player.position;
      player.setStems(Object.keys(stems));
      player.seek(place);
    }
    chosen = id;
    $("desk").hidden = false;
    $("title").textContent = song.name;
    $("notes").textContent = song.report.warnings.join(" · ");
    tracks.show(id, stems, outlines);
    list();
    state();
  } catch (error) {
    trouble(error);
  }
}

function state() {
  $("play").textContent = player?.playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", player?.playing ? "Pause" : "Play");
}

function waits(waiting, error) {
  $("clock").classList.toggle("quiet", waiting);
  if (error) trouble(error);
  state();
}

async function toggle() {
  if (!player) return;
  if (player.playing) player.pause();
  else await player.play();
  state();
}

function time(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function frame() {
  if (player) {
    $("clock").textContent = `${time(player.position)} / ${time(player.seconds)}`;
    const fraction = player.seconds ? player.position / player.seconds : 0;
    if (fraction !== tracks.fraction) tracks.draw(fraction);
  }
  requestAnimationFrame(frame);
}

async function put(text) {
  trouble(null);
  try {
    know(await api.question(chosen, text));
    watch(chosen);
  } catch (error) {
    trouble(error);
  }
}

async function listen() {
  $("listen").disabled = true;
  $("sounds").textContent = "listening…";
  try {
    const found = (await api.sounds(chosen)).filter((sound) => sound.presence >= 0.5 && sound.name !== sound.stem);
    const chips = found.map((sound) => {
      const chip = document.createElement("button");
      Object.assign(chip, { type: "button", textContent: sound.name, title: `${Math.round(100 * sound.presence)} %` });
      chip.onclick = () => put(sound.name);
      return chip;
    });
    $("sounds").replaceChildren(...(chips.length ? chips : ["nothing that has a name"]));
  } catch (error) {
    $("sounds").replaceChildren();
    trouble(error);
  }
  $("listen").disabled = false;
}

// What the user does

$("file").onchange = () => {
  trouble(null);
  for (const file of $("file").files) take(file);
  $("file").value = "";
};
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget ?? $("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  trouble(null);
  for (const file of event.dataTransfer.files) take(file);
});
$("play").onclick = toggle;
$("listen").onclick = listen;
$("ask").onsubmit = (event) => {
  event.preventDefault();
  const text = $("words").value.trim();
  if (text && chosen) put(text);
  $("words").value = "";
};
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, button, a") || !player) return;
  if (event.key === " ") toggle();
  else if (event.key === "ArrowLeft") player.seek(player.position - 5);
  else if (event.key === "ArrowRight") player.seek(player.position + 5);
  else return;
  event.preventDefault();
});

async function begin() {
  try {
    const { upload_mb, minutes, keep_h } = await api.about();
    const said = [`up to ${upload_mb} MB`];
    if (minutes) said.push(`the first ${minutes} minutes`);
    if (keep_h) said.push(`forgotten after ${keep_h} hours`);
    $("limits").textContent = said.join(", ");
  } catch (error) {
    trouble(error);
  }
  for (const { id, name } of JSON.parse(localStorage.getItem(KEPT) ?? "[]")) {
    try {
      const status = await api.song(id);
      songs.set(id, status);
      if (!["done", "failed"].includes(status.state)) watch(id);
    } catch (error) {
      if (error.status !== 404) songs.set(id, { id, name, state: "failed", why: error.message });
    }
  }
  keep();
  list();
  const last = [...songs.values()].reverse().find((song) => song.report);
  if (last) choose(last.id);
  requestAnimationFrame(frame);
}

begin();
