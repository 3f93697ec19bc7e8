// Runs before the first paint: theme and time zone of this browser, so that nothing flashes.
(function () {
  const root = document.documentElement;
  root.dataset.script = "yes";
  try {
    const theme = localStorage.getItem("meshtrail.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    root.dataset.zone = localStorage.getItem("meshtrail.zone") === "utc" ? "utc" : "local";
  } catch {
    root.dataset.zone = "local";
  }
})();
