(() => {
  "use strict";
  const tip = document.getElementById("tip");
  const charts = document.getElementById("charts");

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

  // A chart on the page has its title and legend beside it; a saved chart has them inside.
  function onPage(value) {
    if (Array.isArray(value)) return value.map(onPage);
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value).map(([key, each]) => [key, key === "legend" ? null : onPage(each)]);
    return Object.fromEntries(entries);
  }

  const colours = getComputedStyle(document.documentElement);
  const resolved = (text) => text.replace(/var\((--[\w-]+)\)/g, (_, name) => colours.getPropertyValue(name).trim());

  function download(name, content, type) {
    const link = document.createElement("a");
    link.href = typeof content === "string" ? URL.createObjectURL(new Blob([content], { type })) : content.toDataURL(type);
    link.download = name;
    link.click();
  }

  async function drawn(spec) {
    const whole = JSON.parse(resolved(JSON.stringify({ ...spec, background: "var(--panel)", width: 480 })));
    const { view } = await vegaEmbed(document.createElement("div"), whole, { mode: "vega-lite", actions: false });
    return view.toSVG();
  }

  function painted(svg) {
    return new Promise((done, failed) => {
      const image = new Image();
      image.onerror = failed;
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = 2 * image.width;
        canvas.height = 2 * image.height;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        done(canvas);
      };
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    });
  }

  const forms = {
    SVG: async (id, spec) => download(`${id}.svg`, await drawn(spec), "image/svg+xml"),
    PNG: async (id, spec) => download(`${id}.png`, await painted(await drawn(spec)), "image/png"),
    "Vega-Lite": async (id, spec) => {
      const $schema = `https://vega.github.io/schema/vega-lite/v${charts.dataset.vegaLite}.json`;
      const text = resolved(JSON.stringify({ $schema, ...spec, width: 480 }, null, 1));
      download(`${id}.vl.json`, text, "application/json");
    },
  };

  function menu(id, spec) {
    const box = document.createElement("p");
    box.className = "save";
    box.append("Save as ");
    for (const [name, save] of Object.entries(forms)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-label", `Save the chart “${spec.title.text}” as ${name}`);
      button.addEventListener("click", () => save(id, spec));
      box.append(button);
    }
    return box;
  }

  const specs = JSON.parse(charts.textContent);
  const options = { mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip };
  for (const [id, spec] of Object.entries(specs)) {
    const container = document.getElementById(id);
    const { title, ...rest } = spec;
    vegaEmbed(container, onPage(rest), options)
      .then(() => {
        container.parentElement.dataset.drawn = "yes";
        container.parentElement.after(menu(id, spec));
      })
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
