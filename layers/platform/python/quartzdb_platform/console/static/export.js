// Downloads the archive of #export and says how much has come. Without scripts the link is a download like any other.
"use strict";

const link = document.getElementById("export");
const progress = document.getElementById("export-progress");

function tell(text, bytes) {
  progress.hidden = false;
  progress.textContent = text.replace("N", (bytes / 1e6).toFixed(2));
}

async function download() {
  const answer = await fetch(link.href);
  if (!answer.ok) {
    const problem = await answer.json();
    if (problem.code === "step_up_required") location.assign(link.dataset.again);
    else tell(problem.detail, 0);
    return;
  }
  const parts = [];
  let bytes = 0;
  for await (const part of answer.body) {
    parts.push(part);
    bytes += part.length;
    tell(link.dataset.running, bytes);
  }
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(new Blob(parts, { type: "application/zip" }));
  saved.download = link.dataset.name;
  saved.click();
  tell(link.dataset.done, bytes);
}

link?.addEventListener("click", async (event) => {
  event.preventDefault();
  try {
    await download();
  } catch {
    tell(link.dataset.cut, 0);
  }
});
