// The theme leaves its search without a name, which screen readers miss.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
