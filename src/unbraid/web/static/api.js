// Requests. Every error is a sentence for the one who reads it.

const OWN = { "X-Unbraid": "1" };

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the desk does not answer; is it still open?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw Object.assign(new Error(told.error ?? `the desk answered ${response.status}`), { status: response.status });
}

const json = async (path, options) => (await ask(path, options)).json();

export const about = () => json("api/desk");
export const states = (ids) => json(`api/songs?ids=${ids.join(",")}`);
export const remove = (id) => ask(`api/songs/${id}`, { method: "DELETE", headers: OWN });
export const sounds = (id) => json(`api/songs/${id}/sounds`);
export const outlines = (id) => json(`api/songs/${id}/outlines`);
export const question = (id, text) =>
  json(`api/songs/${id}/asked`, { method: "POST", headers: OWN, body: JSON.stringify({ text }) });

export const stem = (id, name) => `api/songs/${id}/stems/${encodeURIComponent(name)}`;
export const mix = (id, gains) => `api/songs/${id}/mix?${new URLSearchParams(gains)}`;

// version: of the stem's file, since what is asked may turn all of them down.
export async function piece(id, name, version, start, frames) {
  return (await ask(`${stem(id, name)}/piece?start=${start}&frames=${frames}&v=${version}`)).arrayBuffer();
}

// Not fetch, which does not tell how much has gone. Returns {done, abort}.
export function upload(file, onFraction) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", `api/songs?name=${encodeURIComponent(file.name.toWellFormed?.() ?? file.name)}`);
    request.setRequestHeader("X-Unbraid", "1");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onFraction(event.loaded / event.total);
    request.onload = () =>
      request.status < 300 ? resolve(request.response) : reject(new Error(request.response?.error ?? `the desk answered ${request.status}`));
    request.onerror = () => reject(new Error("the upload was broken off"));
    request.onabort = () => resolve(null);
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}
