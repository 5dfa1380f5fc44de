// Shows the API's description, with the code samples of the clients, in the colours that the system is set to.
(async () => {
  "use strict";
  const place = document.getElementById("reference");
  const load = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address} was answered ${answer.status}`);
    return answer.json();
  };
  let api, samples;
  try {
    [api, samples] = await Promise.all([load(place.dataset.openapi), load("code_samples.json")]);
  } catch (error) {
    place.textContent = `The API's description could not be loaded: ${error.message}`;
    return;
  }
  for (const methods of Object.values(api.paths))
    for (const operation of Object.values(methods))
      if (samples[operation.operationId]) operation["x-codeSamples"] = samples[operation.operationId];

  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [text, quiet, ground, raised, line, accent] = dark
    ? ["#e4e4ea", "#b4b5c0", "#101116", "#1a1b22", "#3a3b45", "#b3abff"]
    : ["#1c1c22", "#55565f", "#ffffff", "#f6f6f9", "#d6d6de", "#4338a8"];
  const theme = {
    colors: {
      primary: { main: accent },
      text: { primary: text, secondary: quiet },
      border: { dark: line, light: line },
      success: { main: dark ? "#7fd99a" : "#14632f" },
      error: { main: dark ? "#ff9c94" : "#a11a12" },
      warning: { main: dark ? "#f2c46d" : "#7a4b00", contrastText: dark ? "#101116" : "#ffffff" },
      gray: { 50: raised, 100: raised },
      http: { get: "#1d6636", post: "#1f4f9e", put: "#6d4a00", patch: "#6d4a00", delete: "#9b1c14", head: "#5a2f8f" },
      responses: {
        success: { color: dark ? "#7fd99a" : "#14632f", backgroundColor: raised, tabTextColor: "#7fd99a" },
        error: { color: dark ? "#ff9c94" : "#a11a12", backgroundColor: raised, tabTextColor: "#ff9c94" },
      },
    },
    schema: { linesColor: line, nestedBackground: raised, typeNameColor: quiet, typeTitleColor: text, requireLabelColor: dark ? "#ff9c94" : "#a11a12" },
    sidebar: { backgroundColor: raised, textColor: text, activeTextColor: accent, groupItems: { activeBackgroundColor: ground }, level1Items: { activeBackgroundColor: ground } },
    rightPanel: { backgroundColor: "#1a1b22", textColor: "#ffffff" },
    codeBlock: { backgroundColor: "#101116" },
    typography: { fontSize: "15px", fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" }, code: { color: dark ? "#ffb3ab" : "#9b1c14", backgroundColor: raised }, links: { color: accent, hover: accent, visited: accent } },
  };
  // No search of its own: it would need a worker made of text. The levels of headings begin again below each operation's name.
  const level = () => {
    for (const one of place.querySelectorAll("h5:not([aria-level])")) one.setAttribute("aria-level", "3");
    for (const one of place.querySelectorAll("pre:not([tabindex])")) one.tabIndex = 0;
  };
  new MutationObserver(level).observe(place, { childList: true, subtree: true });
  place.replaceChildren();
  Redoc.init(api, { theme, disableSearch: true, nativeScrollbars: true, hideHostname: true, hideDownloadButtons: true, expandResponses: "", jsonSamplesExpandLevel: 3 }, place, level);
})();
