"use strict";

const PICTURE_MS = 80;
const STATE_MS = 250;
const RETRY_MS = 1000;
const SIGNS = { granted: "✓", unlocked: "✓", not_unlocked: "!", denied: "✕", fault: "!" };
const OUTCOMES = {
  granted: "Granted", unlocked: "Unlocked", not_unlocked: "Not unlocked", denied: "Denied", fault: "Out of order", looking: "Looking", waiting: "Waiting",
};

const at = (id) => document.getElementById(id);

/* A screen reader speaks whatever changes in the verdict: touch it only when the words are new. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function number(value) {
  return value === null ? "–" : value.toFixed(2);
}

function followPicture() {
  const picture = at("picture");
  let count = 0;
  const next = () => { picture.src = `picture.jpg?${count++}`; };
  picture.addEventListener("load", () => setTimeout(next, PICTURE_MS));
  picture.addEventListener("error", () => setTimeout(next, RETRY_MS));
  next();
}

function showVerdict(state) {
  at("verdict").dataset.state = state.state;
  put(at("outcome"), OUTCOMES[state.state]);
  put(at("headline"), state.headline);
  const advice = state.advice.join("\n");
  if (at("advice").dataset.words !== advice) {
    at("advice").dataset.words = advice;
    at("advice").replaceChildren(...state.advice.map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }));
  }
  at("meter").hidden = state.score === null;
  if (state.score !== null) {
    at("score-bar").style.width = `${100 * Math.min(Math.max(state.score, 0), 1)}%`;
    at("mark").style.left = `${100 * state.threshold}%`;
    at("meter-words").textContent = `Likeness ${number(state.score)}, needed ${number(state.threshold)}`;
  }
}

function row(decision) {
  const line = document.createElement("tr");
  const cells = [decision.time, null, decision.message, number(decision.score),
                 number(decision.threshold), number(decision.margin)];
  cells.forEach((text, column) => {
    const cell = document.createElement("td");
    if (column === 1) {
      const tag = document.createElement("span");
      tag.className = "tag";
      tag.dataset.outcome = decision.outcome;
      tag.dataset.sign = SIGNS[decision.outcome];
      tag.textContent = OUTCOMES[decision.outcome];
      cell.append(tag);
    } else {
      cell.textContent = text;
    }
    if (column > 2) cell.className = "number";
    line.append(cell);
  });
  return line;
}

let shownDecisions = -1;

function show(state) {
  showVerdict(state);
  at("lock").dataset.state = state.lock;
  put(at("lock-message"), state.lock_message);
  put(at("counts"), state.counts);
  if (state.decided !== shownDecisions && state.decisions.length > 0) {
    shownDecisions = state.decided;
    at("decisions").replaceChildren(...state.decisions.map(row));
  }
}

async function followState() {
  let pause = STATE_MS;
  try {
    const answer = await fetch("state", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
    at("away").hidden = true;
  } catch {
    at("away").hidden = false;
    pause = RETRY_MS;
  }
  setTimeout(followState, pause);
}

followPicture();
followState();
