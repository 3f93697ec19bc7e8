// Runs before the first paint: theme, time zone, columns of this browser, so that nothing flashes.
(function () {
  const root = document.documentElement;
  root.dataset.script = "yes";
  try {
    const theme = localStorage.getItem("meshtrail.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    root.dataset.zone = localStorage.getItem("meshtrail.zone") === "utc" ? "utc" : "local";
    root.dataset.facets = localStorage.getItem("meshtrail.facets") === "closed" ? "closed" : "open";
    const columns = localStorage.getItem(`meshtrail.columns.${root.dataset.list}`);
    if (columns && root.dataset.columnsGiven === "no") {
      root.dataset.columns = columns;
      root.dataset.columnsGiven = "yes";
    }
  } catch {
    root.dataset.zone = "local";
  }
})();
