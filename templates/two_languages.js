(function () {
  "use strict";
  var root = document.documentElement;
  root.className = "scripted";
  function speak(language) {
    root.lang = language;
    document.querySelectorAll("main").forEach(function (each) {
      each.hidden = each.lang !== language;
      if (!each.hidden) document.title = each.dataset.title;
    });
    document.querySelectorAll("[data-language]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-language]");
    if (button) speak(button.dataset.language);
  });
  document.addEventListener("DOMContentLoaded", function () {
    var wish = new URLSearchParams(location.search).get("lang") || location.hash.slice(1);
    if (wish === "en" || wish === "ja") speak(wish);
  });
})();
