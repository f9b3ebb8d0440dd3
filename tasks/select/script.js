// Tables sort by the column whose heading is clicked; a second click turns the order round.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const table = heading.closest("table");
    const column = [...heading.parentElement.children].indexOf(heading);
    const downwards = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    const value = (row) => row.children[column].dataset.value ?? row.children[column].textContent.trim();
    const compare = (one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === "" || b === "") return (a === "") - (b === "");  // what has no value stands last, either way
      const difference = !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
      return downwards ? -difference : difference;
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
  });
}

// What is wider than its place can be scrolled by the keyboard too, in every browser.
for (const area of document.querySelectorAll(".scroll")) {
  if (area.scrollWidth > area.clientWidth || area.scrollHeight > area.clientHeight) area.tabIndex = 0;
}
