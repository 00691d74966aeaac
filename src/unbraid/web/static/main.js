// The page: the song on the desk, and what the user does.

import * as api from "./api.js";
import { Player } from "./player.js";
import { Songs } from "./songs.js";
import { Tracks } from "./tracks.js";

const $ = (id) => document.getElementById(id);

let chosen = null; // the id of the song on the desk
let wanted = null; // what is put there as soon as it is done, unless the user chooses another
let turn = 0; // grows with every choice, so that a slow answer to an earlier one is dropped
let player = null;

const tracks = new Tracks($("tracks"), heard, (fraction) => player?.seek(fraction * player.seconds));
const songs = new Songs($("songs"), { onState: changed, onChoose: (song) => choose(song.id), onGone: gone, onTrouble: trouble });

function trouble(error) {
  $("trouble").textContent = error ? error.message ?? String(error) : "";
  $("trouble").hidden = !error;
}

function heard(gains) {
  player?.setGains(gains);
  const some = Object.entries(gains).filter(([, gain]) => gain > 0);
  if (chosen && some.length) $("mix").href = api.mix(chosen, some.map(([name, gain]) => [name, gain.toFixed(2)]));
  else $("mix").removeAttribute("href");
}

// A song's state is another one.
function changed(song, before) {
  if (song.why && song.report && song.why !== before?.why) trouble(new Error(song.why));
  const done = song.state === "done" || (song.state === "failed" && song.report);
  if (before && done && [chosen, wanted].includes(song.id)) choose(song.id);
}

function gone(id) {
  if (wanted === id) wanted = null;
  if (chosen === id) clear();
}

function clear() {
  const old = player;
  chosen = player = null;
  turn += 1;
  $("desk").hidden = true;
  songs.choose(null);
  old?.close();
}

async function choose(id) {
  const mine = (turn += 1);
  wanted = null;
  try {
    const outlines = await api.outlines(id);
    const song = songs.get(id);
    if (mine !== turn || !song?.report) return;
    if (chosen !== id) clear();
    turn = mine;
    chosen = id;
    songs.choose(id);
    load(song);
    $("desk").hidden = false;
    $("title").textContent = song.name;
    $("notes").textContent = song.report.warnings.join(" · ");
    tracks.show(id, song.report.stems, outlines);
    state();
  } catch (error) {
    trouble(error);
  }
}

// Gives the song to the player; one that plays it already goes on with the new stems where it is.
function load({ id, report: { stems, samples, rate } }) {
  const fetchPiece = (name, start, frames) => api.piece(id, name, stems[name].bytes, start, frames);
  const names = Object.keys(stems);
  if (player) {
    const place = player.position;
    player.fetchPiece = fetchPiece;
    player.setStems(names);
    player.seek(place);
    return;
  }
  player = new Player({ rate, samples, stems: names, fetchPiece, onChange: state });
  $("sounds").replaceChildren();
  $("place").max = player.seconds;
}

function state(error) {
  if (error) trouble(error);
  const playing = Boolean(player?.playing);
  $("play").textContent = playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("clock").classList.toggle("quiet", Boolean(player?.waiting));
}

function toggle() {
  if (player?.playing) player.pause();
  else player?.play();
  state();
}

function time(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function frame() {
  if (player) {
    const now = player.position;
    $("clock").textContent = `${time(now)} / ${time(player.seconds)}`;
    if (document.activeElement !== $("place")) $("place").value = now;
    const fraction = player.seconds ? now / player.seconds : 0;
    if (fraction !== tracks.fraction) tracks.draw(fraction);
  }
  requestAnimationFrame(frame);
}

async function put(id, text) {
  trouble(null);
  try {
    songs.know(await api.question(id, text));
  } catch (error) {
    trouble(error);
  }
}

async function listen() {
  const id = chosen;
  $("listen").disabled = true;
  $("sounds").textContent = "listening…";
  let chips = [];
  try {
    const found = (await api.sounds(id)).filter((sound) => sound.presence >= 0.5 && sound.name !== sound.stem);
    chips = found.map((sound) => {
      const chip = document.createElement("button");
      Object.assign(chip, { type: "button", textContent: sound.name, title: `${Math.round(100 * sound.presence)} %` });
      chip.onclick = () => put(id, sound.name);
      return chip;
    });
    if (!chips.length) chips = ["nothing that has a name"];
  } catch (error) {
    trouble(error);
  }
  $("listen").disabled = false;
  if (id === chosen) $("sounds").replaceChildren(...chips);
}

async function take(files) {
  trouble(null);
  for (const file of files) {
    songs.take(file).then((id) => {
      if (!id) return;
      // What one uploads to an empty desk, or a desk that is silent, is what one wants to hear.
      if (!player?.playing) wanted = id;
      if (songs.get(id)?.state === "done") choose(id);
    });
  }
}

$("file").onchange = () => {
  take([...$("file").files]);
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
  take([...event.dataTransfer.files]);
});
$("play").onclick = toggle;
$("place").oninput = () => player?.seek(Number($("place").value));
$("listen").onclick = listen;
$("ask").onsubmit = (event) => {
  event.preventDefault();
  const text = $("words").value.trim();
  if (text && chosen) put(chosen, text);
  $("words").value = "";
};
// A button that was clicked keeps the keyboard otherwise, and the space bar would press it again.
document.addEventListener("click", (event) => event.detail && event.target.closest("button")?.blur());
document.addEventListener("keydown", (event) => {
  if (!player || event.target.closest("input, a") || (event.key === " " && event.target.closest("button"))) return;
  if (event.key === " ") toggle();
  else if (event.key === "ArrowLeft") player.seek(player.position - 5);
  else if (event.key === "ArrowRight") player.seek(player.position + 5);
  else return;
  event.preventDefault();
});

async function begin() {
  requestAnimationFrame(frame);
  try {
    const { upload_mb, minutes, keep_h } = await api.about();
    const said = [`up to ${upload_mb} MB`];
    if (minutes) said.push(`the first ${minutes} minutes`);
    if (keep_h) said.push(`forgotten after ${keep_h} hours`);
    $("limits").textContent = said.join(", ");
    const last = (await songs.begin()).reverse().find((song) => song.report);
    if (last && !chosen) await choose(last.id);
  } catch (error) {
    trouble(error);
  }
}

begin();
