(() => {
  "use strict";
  const tip = document.getElementById("tip");

  function point(event, text) {
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const right = document.documentElement.clientWidth - width - 8;
    const above = event.clientY - height - 14;
    tip.style.left = `${Math.max(8, Math.min(event.clientX - width / 2, right))}px`;
    tip.style.top = `${above < 8 ? event.clientY + 18 : above}px`;
  }

  const touched = (event) => (event.changedTouches ? event.changedTouches[0] : event);
  const tooltip = (_, event, item, text) => point(touched(event), text);
  document.addEventListener("scroll", () => point(null, ""), { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && point(null, ""));

  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = { mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip };
  for (const [id, spec] of Object.entries(specs)) {
    const container = document.getElementById(id);
    vegaEmbed(container, spec, options)
      .then(() => (container.parentElement.dataset.drawn = "yes"))
      .catch((error) => {
        container.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(error);
      });
  }

  const folded = () => document.querySelectorAll("details:not([open])");
  addEventListener("beforeprint", () => folded().forEach((each) => (each.open = each.dataset.print = true)));
  addEventListener("afterprint", () =>
    document.querySelectorAll("details[data-print]").forEach((each) => {
      each.open = false;
      delete each.dataset.print;
    }),
  );

  const command = document.getElementById("command");
  if (command && navigator.clipboard) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    command.closest(".command").append(button);
  }
})();
