"use strict";
(function () {
  var marked = document.querySelectorAll("[data-w]");
  function each(f) { Array.prototype.forEach.call(marked, f); }

  var label = document.querySelector(".filter");
  var input = label.querySelector("input");
  label.hidden = false;
  input.addEventListener("input", function () {
    var want = input.value.trim().toLowerCase();
    each(function (e) {
      e.classList.toggle("off", want !== "" && e.getAttribute("data-w").toLowerCase().indexOf(want) < 0);
    });
  });

  var current = null;
  function hover(name) {
    if (name === current) { return; }
    current = name;
    each(function (e) { e.classList.toggle("same", name !== null && e.getAttribute("data-w") === name); });
  }
  document.addEventListener("mouseover", function (event) {
    var e = event.target.closest ? event.target.closest("[data-w]") : null;
    hover(e ? e.getAttribute("data-w") : null);
  });
})();
