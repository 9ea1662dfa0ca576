
  // the bar: filters, search and order act on the requirements where they stand
  var chosen = [];
  function cases() { return Array.from(document.querySelectorAll(".requirement")); }
  function plain(text) { return text.normalize("NFKC").toLowerCase(); }
  function say(text) { document.querySelector(".found").textContent = text; }
  function find() {
    var wanted = plain(document.querySelector("[data-search]").value).split(/\s+/).filter(Boolean), all = cases(), shown = 0;
    all.forEach(function (part) {
      var article = part.querySelector("article"), text = plain(article.querySelector("summary").textContent);
      part.hidden = (chosen.length && chosen.indexOf(article.dataset.kind) < 0) || !wanted.every(function (word) { return text.indexOf(word) >= 0; });
      shown += !part.hidden;
    });
    say(shown === all.length ? "" : document.querySelector(".found").dataset.text.replace("{shown}", shown).replace("{all}", all.length));
  }
  function sort() {
    var by = document.querySelector("[data-sort]").value, all = cases();
    function place(part) { return Number(part.querySelector("article").dataset[by]); }
    function name(part) { return part.querySelector(".name").textContent; }
    all.sort(function (one, other) { return by === "name" ? name(one).localeCompare(name(other)) || place(one) - place(other) : place(one) - place(other); });
    all.forEach(function (part) { part.parentNode.append(part); });
  }
  function copy(text) {
    function done() { say(document.querySelector(".found").dataset.copied); }
    function byHand() {
      var box = document.createElement("textarea");
      box.value = text;
      document.body.append(box);
      box.select();
      if (document.execCommand("copy")) done();
      box.remove();
    }
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  }
  // the images of a requirement that are beyond its limit; what a spreadsheet would take for a formula is kept as text
  function save(anchor, kind) {
    var data = JSON.parse(document.getElementById("embedded").textContent).beyond, own = data.cases[anchor];
    var rows = own[0].map(function (place, at) {
      var image = data.images[place];
      return {image: image[0], label: image[1], group: image[2], value: own[1][at]};
    });
    function cell(value) {
      var text = value === null ? "" : String(value);
      if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
      return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
    }
    var text = kind === "json" ? JSON.stringify(rows, null, 1) : ["image,label,group,value"].concat(rows.map(function (row) {
      return [row.image, row.label, row.group, row.value].map(cell).join(",");
    })).join("\r\n");
    var link = document.createElement("a");
    link.href = "data:" + (kind === "json" ? "application/json" : "text/csv") + ";charset=utf-8," + encodeURIComponent((kind === "json" ? "" : "\ufeff") + text);
    link.download = anchor + "." + kind;
    link.click();
  }
  function isDark() { return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches; }
  function showTheme() { document.querySelector("[data-theme-switch]").setAttribute("aria-pressed", String(isDark())); }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    var given = button.dataset;
    if (given.filter) {
      var pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      chosen = chosen.filter(function (kind) { return kind !== given.filter; }).concat(pressed ? [given.filter] : []);
      find();
    } else if (given.themeSwitch !== undefined) {
      root.dataset.theme = isDark() ? "light" : "dark";
      showTheme();
    } else if (given.print !== undefined) print();
    else if (given.copyLink !== undefined) {
      var address = new URL(location.href);
      address.searchParams.set("lang", root.lang);
      copy(address.href);
    } else if (given.save) save(button.closest("article").id, given.save);
    else if (given.copy !== undefined) copy(button.parentNode.querySelector("code").textContent);
  });
  document.addEventListener("input", function (event) { if (event.target.matches("[data-search]")) find(); });
  document.addEventListener("change", function (event) { if (event.target.matches("[data-sort]")) sort(); });
  document.addEventListener("languagechange", find);
  document.addEventListener("DOMContentLoaded", showTheme);
