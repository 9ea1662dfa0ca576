(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("scripted");
{% include "language.js" %}
{% include "bar.js" %}
{% include "gallery.js" %}
{% include "print.js" %}

  // a link opens what is folded around its target
  function goTo(id) {
    var target = document.getElementById(id);
    if (!target) return;
    if (target.closest(".requirement[hidden]")) {
      chosen = [];
      document.querySelectorAll("[data-filter]").forEach(function (button) { button.setAttribute("aria-pressed", "false"); });
      document.querySelector("[data-search]").value = "";
      find();
    }
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    var own = target.querySelector("details");
    if (own && target.tagName === "ARTICLE") own.open = true;
    target.scrollIntoView();
  }
  function follow() {
    var named = decodeURIComponent(location.hash.slice(1));
    if (languages.indexOf(named) >= 0) speak(named);
    else if (named) goTo(named);
  }
  document.addEventListener("DOMContentLoaded", function () {
    var asked = new URLSearchParams(location.search).get("lang");
    parts = Array.from(document.querySelectorAll("#behind [data-part]"));
    speak(languages.indexOf(asked) >= 0 ? asked : root.lang);
    follow();
    window.addEventListener("hashchange", follow);
  });
})();
