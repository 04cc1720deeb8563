/* The screen beside the door: shows each state that the server sends, and passes on the keys of the PIN pad. */

const PICTURE_MS = 100;
const RETRY_MS = 500;
const SILENT_MS = 4000;
const HOLD_MS = 1800;
const PAD_OPEN_MS = 8000;
const FIRST_LANGUAGE_AGAIN_MS = 20000;
const REMIND_MS = 5000;
const PICTURE_MODES = new Set(["looking", "guide", "card", "challenge", "granted", "denied", "wait"]);
/* From these screens the PIN pad can be opened, where the settings say so. */
const BEFORE_PIN = new Set(["idle", "looking", "guide", "denied", "wait", "lockdown"]);
/* Where the face should be: middle as shares of the picture, half axes as shares of its height. */
const OVAL = { x: 0.5, y: 0.48, height: 0.38, width: 0.29 };
const FACE_ROOM = 0.74;
const KEY_NAMES = { Backspace: "*", Delete: "*", Escape: "*", Enter: "#" };
/* Tones as [hertz, begins after seconds, lasts seconds]. */
const TONES = {
  granted: [[659, 0, 0.14], [988, 0.14, 0.32]],
  denied: [[233, 0, 0.2], [185, 0.24, 0.34]],
  attention: [[587, 0, 0.14], [587, 0.2, 0.14]],
  key: [[1175, 0, 0.04]],
};
const TONE_OF = {
  granted: "granted", denied: "denied", wait: "denied", pin: "attention", card: "attention", challenge: "attention",
  held_open: "attention", lockdown: "denied", fire: "attention",
};
const AWAY = {
  door: "", mode: "out_of_order", message: "no_answer", text: "", name: null, face: null, fit: "none", picture_width: 0,
  picture_height: 0, challenge: null, pin_digits: 0, seconds_left: null, time_zone: "",
};

const body = document.body;
const at = (id) => document.getElementById(id);
const catalogue = await loadWords();
const languages = [...catalogue.keys()];
let language = document.documentElement.lang;
let shown = AWAY;

async function loadWords() {
  for (;;) {
    try {
      const answer = await fetch("words", { cache: "no-store" });
      if (answer.ok) return new Map(Object.entries(await answer.json()));
    } catch { /* the server is on its way */ }
    await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
  }
}

/* A screen reader speaks whatever changes: touch an element only when its text is new. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/* ---- words ---- */

function words() {
  return catalogue.get(language);
}

function textsOf(state) {
  const { headline, message, challenge, page } = words();
  const sentence = state.text || message[state.message] || "";
  if (state.mode === "idle") return [body.dataset.idle || headline.idle, ""];
  if (state.mode === "granted" && state.name) return [page.welcome.replace("{name}", state.name), sentence];
  if (state.mode === "challenge") return [challenge[state.challenge] || sentence, ""];
  return headline[state.mode] ? [headline[state.mode], sentence] : [sentence, ""];
}

function showWords(state) {
  const [headline, sentence] = textsOf(state);
  put(at("headline"), headline);
  put(at("sentence"), sentence);
  at("sentence").hidden = sentence === "";
  const asksForHelp = ["denied", "wait", "lockdown", "out_of_order"].includes(state.mode);
  put(at("help"), body.dataset.help);
  at("help").hidden = !asksForHelp || body.dataset.help === "";
  put(at("door"), state.door);
}

function nextLanguage() {
  return languages[(languages.indexOf(language) + 1) % languages.length];
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  const { page } = words();
  const button = at("language");
  button.hidden = languages.length < 2;
  button.lang = nextLanguage();
  put(button, catalogue.get(nextLanguage()).page.language);
  at("pad").setAttribute("aria-label", page.pad);
  put(at("use-pin"), page.use_pin);
  for (const key of at("pad").querySelectorAll("[data-word]")) put(key, page[key.dataset.word]);
  showClock();
  show(shown);
}

let firstLanguageTimer = null;

function returnToFirstLanguage(mode) {
  clearTimeout(firstLanguageTimer);
  if (mode === "idle") firstLanguageTimer = setTimeout(() => speak(languages[0]), FIRST_LANGUAGE_AGAIN_MS);
}

/* ---- clock ---- */

function showClock() {
  const now = new Date();
  const { locale } = words().page;
  const zone = shown.time_zone ? { timeZone: shown.time_zone } : {};
  const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone }).format(now);
  put(at("time"), time);
  put(at("small-clock"), time);
  put(at("date"), new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", ...zone }).format(now));
}

/* ---- picture and oval ---- */

let pictureRuns = false;
let pictureCount = 0;

function followPicture(wanted) {
  if (!wanted) {
    pictureRuns = false;
    at("picture").hidden = true;
    at("picture").removeAttribute("src");  // nobody's picture stays behind
  } else if (!pictureRuns) {
    pictureRuns = true;
    nextPicture();
  }
}

function nextPicture() {
  if (pictureRuns) at("picture").src = `picture.jpg?${pictureCount++}`;
}

/* Middle and half axes, as shares of the picture: where the face should be, or around a face that lies well. */
function ovalOf({ face, fit, picture_width: width, picture_height: height }) {
  if (fit !== "good" || face === null) return [OVAL.x, OVAL.y, (OVAL.width * height) / width, OVAL.height];
  const [across, down] = [face.right - face.left, face.bottom - face.top];
  return [face.left + across / 2, face.top + 0.47 * down, FACE_ROOM * across, FACE_ROOM * down];
}

function showGuide(state) {
  const { picture_width: width, picture_height: height } = state;
  at("guide").toggleAttribute("data-drawn", width > 0);
  at("guide").dataset.fit = state.fit;
  if (width === 0) return;
  const [x, y, rx, ry] = ovalOf(state).map((share, index) => share * (index % 2 === 0 ? width : height));
  at("guide").setAttribute("viewBox", `0 0 ${width} ${height}`);
  const far = 10 * width;
  at("shade").style.d = `path("M${-far} ${-far}H${far}V${far}H${-far}ZM${x - rx} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0Z")`;
  for (const [name, value] of Object.entries({ cx: x, cy: y, rx, ry })) at("oval").style[name] = `${value}px`;
  at("oval").style.strokeWidth = `${height / 60}px`;
}

/* ---- PIN pad ---- */

let keysSent = Promise.resolve();

/* One after the other, so that none overtakes another; none once the door asks for no PIN any more. */
function press(key) {
  if (shown.mode !== "pin") return;
  play("key");
  keysSent = keysSent.then(async () => {
    if (shown.mode !== "pin") return;
    try {
      await fetch("keys", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key }),
        signal: AbortSignal.timeout(2000),
      });
    } catch { /* the states say when the door is away */ }
  });
}

function showPad(state) {
  const isPin = state.mode === "pin";
  at("use-pin").hidden = body.dataset.pinButton !== "true" || !BEFORE_PIN.has(state.mode);
  at("pad").hidden = !isPin;
  at("dots").hidden = !isPin;
  body.toggleAttribute("data-wrong", isPin && state.message === "wrong_pin");
  if (!isPin) return;
  const dots = Math.max(4, state.pin_digits);
  while (at("dot-row").childElementCount < dots) at("dot-row").append(document.createElement("i"));
  while (at("dot-row").childElementCount > dots) at("dot-row").lastElementChild.remove();
  [...at("dot-row").children].forEach((dot, index) => dot.classList.toggle("filled", index < state.pin_digits));
  put(at("dot-words"), words().page.digits.replace("{n}", state.pin_digits));
}

let latest = AWAY;
let padOpenUntil = 0;

/* Open the pad before the door asks for a PIN. From the first digit on it is the door that keeps it open. */
function openPad() {
  padOpenUntil = performance.now() + PAD_OPEN_MS;
  receive(latest);
  setTimeout(() => receive(latest), PAD_OPEN_MS);
}

function withPad(state) {
  if (!BEFORE_PIN.has(state.mode)) padOpenUntil = 0;
  if (performance.now() >= padOpenUntil) return state;
  return { ...AWAY, door: state.door, time_zone: state.time_zone, mode: "pin", message: "needs_pin" };
}

/* ---- time that is left ---- */

let longest = 0;

function showTimeLeft(state, isNew) {
  const left = state.seconds_left;
  at("left").hidden = left === null;
  if (left === null) return;
  longest = isNew ? left : Math.max(longest, left);
  at("left-bar").style.width = `${longest > 0 ? (100 * left) / longest : 0}%`;
  put(at("left-words"), words().page.seconds.replace("{n}", left));
}

/* ---- sound ---- */

let audio = null;

function play(name) {
  const volume = Number(body.dataset.volume);
  if (volume === 0) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
  body.dataset.tone = name;
  for (const [hertz, after, seconds] of TONES[name]) {
    const begin = audio.currentTime + after;
    const oscillator = new OscillatorNode(audio, { frequency: hertz, type: "triangle" });
    const gain = new GainNode(audio, { gain: 0 });
    gain.gain.setValueAtTime(0, begin);
    gain.gain.linearRampToValueAtTime(volume, begin + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.001, begin + seconds);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(begin);
    oscillator.stop(begin + seconds);
  }
}

setInterval(() => { if (shown.mode === "held_open") play("attention"); }, REMIND_MS);

/* ---- states ---- */

let shownSince = 0;
let waitingState = null;
let holdTimer = null;

/* A denial stays long enough to be read, whatever the next picture shows; what matters more is shown at once. */
function receive(received) {
  latest = received;
  const state = withPad(received);
  const held = shownSince + HOLD_MS - performance.now();
  clearTimeout(holdTimer);
  if (shown.mode === "denied" && ["looking", "guide", "idle"].includes(state.mode) && held > 0) {
    waitingState = state;
    holdTimer = setTimeout(() => show(waitingState), held);
    return;
  }
  show(state);
}

function show(state) {
  const isNewMode = state.mode !== shown.mode;
  const isNews = isNewMode || (state.message !== shown.message && state.message === "wrong_pin");
  const zoneChanged = state.time_zone !== shown.time_zone;
  shown = state;
  if (isNewMode) {
    shownSince = performance.now();
    body.dataset.mode = state.mode;
    returnToFirstLanguage(state.mode);
  }
  body.dataset.direction = state.challenge ?? "";
  showWords(state);
  showGuide(state);
  showPad(state);
  showTimeLeft(state, isNewMode);
  followPicture(PICTURE_MODES.has(state.mode) && state.picture_width > 0);
  if (zoneChanged) showClock();
  if (isNews && state.message === "wrong_pin") play("denied");
  else if (isNewMode && state.mode in TONE_OF) play(TONE_OF[state.mode]);
}

let stream = null;
let heardAt = performance.now();
let loadedFrom = null;

function connect() {
  stream?.close();
  stream = new EventSource("states");
  stream.addEventListener("message", (event) => {
    const { start, state } = JSON.parse(event.data);
    heardAt = performance.now();
    if (loadedFrom !== null && loadedFrom !== start) location.reload();
    loadedFrom = start;
    receive(state);
  });
}

setInterval(() => {
  if (performance.now() - heardAt < SILENT_MS) return;
  receive({ ...AWAY, door: shown.door, time_zone: shown.time_zone });
  heardAt = performance.now();
  connect();
}, RETRY_MS);

/* ---- hands ---- */

at("picture").addEventListener("load", () => {
  at("picture").hidden = !pictureRuns;
  setTimeout(nextPicture, PICTURE_MS);
});
at("picture").addEventListener("error", () => {
  at("picture").hidden = true;
  setTimeout(nextPicture, RETRY_MS);
});
at("pad").addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]");
  if (key) press(key.dataset.key);
});
at("use-pin").addEventListener("click", openPad);
at("language").addEventListener("click", () => {
  speak(nextLanguage());
  returnToFirstLanguage(shown.mode);
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "Enter" && document.activeElement instanceof HTMLButtonElement) return;  // presses that button
  const key = /^[0-9*#]$/.test(event.key) ? event.key : KEY_NAMES[event.key];
  if (key) press(key);
});
// A finger leaves no focus behind: on a keyboard used after it, Enter must not press the same button again.
addEventListener("mousedown", (event) => event.preventDefault());
addEventListener("contextmenu", (event) => event.preventDefault());

speak(language);
setInterval(showClock, 1000);
connect();
