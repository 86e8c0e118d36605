// What the page does without the node: copying, and light or dark. Written into the page's head.
const shimlet = {
  async copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      shimlet.copyTheOldWay(text); // browsers give the clipboard to https and to localhost alone
    }
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1200);
  },
  copyTheOldWay(text) {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  },
  toggleDark() {
    Quasar.Dark.toggle();
    try {
      localStorage.setItem("shimlet-dark", Quasar.Dark.isActive);
    } catch {} // a browser that keeps nothing
  },
  restoreDark() {
    let kept = null;
    try {
      kept = localStorage.getItem("shimlet-dark");
    } catch {}
    if (kept !== null) Quasar.Dark.set(kept === "true");
  },
};
window.addEventListener("load", () => setTimeout(shimlet.restoreDark, 0));
