(() => {
  const box = document.querySelector(".search");
  const opened = [];
  const show = (all) => document.querySelectorAll("details").forEach((one) => {
    if (all && !one.open) { one.open = true; opened.push(one); }
  });
  addEventListener("beforeprint", () => show(true));
  addEventListener("afterprint", () => { for (const one of opened.splice(0)) one.open = false; });
  if (!box) return;
  box.hidden = false;
  const field = document.getElementById("search");
  const rules = [...document.querySelectorAll("details.rule")];
  document.getElementById("open").addEventListener("click", () => rules.forEach((one) => { one.open = true; }));
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const rule of rules) {
      const head = rule.firstElementChild.textContent.toLowerCase();
      let here = 0;
      for (const item of rule.querySelectorAll("li")) {
        const text = head + " " + item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        if (!item.hidden) here += 1;
      }
      rule.hidden = here === 0;
      rule.open = words.length > 0 && here > 0;
      found += here;
    }
    document.getElementById("found").textContent = words.length ? found + " found" : "";
  });
})();
