// <sg-tree>: the waterfall as a treegrid. One row is in the tab order; arrows move, fold and unfold, Enter selects.

class Tree extends HTMLElement {
  connectedCallback() {
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("click", (event) => this.click(event));
    const selected = this.querySelector('[aria-selected="true"]');
    if (selected) {
      this.rove(selected);
      selected.scrollIntoView({ block: "nearest" });
    }
  }

  get rows() {
    return [...this.querySelectorAll('[role="row"][aria-level]:not([hidden])')];
  }

  key(event) {
    const row = event.target.closest('[role="row"][aria-level]');
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const { rows } = this;
    const at = rows.indexOf(row);
    const moves = {
      ArrowDown: () => this.go(rows[at + 1]),
      ArrowUp: () => this.go(rows[at - 1]),
      Home: () => this.go(rows[0]),
      End: () => this.go(rows.at(-1)),
      ArrowRight: () => this.right(row, rows[at + 1]),
      ArrowLeft: () => this.left(row, rows.slice(0, at).reverse()),
      Enter: () => this.select(row),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  click(event) {
    const row = event.target.closest('[role="row"][aria-level]');
    if (!row) return;
    this.rove(row);
    if (event.target.closest("a")) {
      this.choose(row);
    } else if (event.target.closest(".tw") && row.hasAttribute("aria-expanded")) {
      this.fold(row, row.getAttribute("aria-expanded") === "true");
    } else {
      this.select(row);
    }
  }

  go(row) {
    if (!row) return;
    this.rove(row);
    row.focus();
  }

  rove(row) {
    for (const each of this.querySelectorAll('[role="row"][tabindex="0"]')) each.tabIndex = -1;
    row.tabIndex = 0;
  }

  right(row, next) {
    if (row.getAttribute("aria-expanded") === "false") {
      const link = row.querySelector(".tw-a");
      if (link) link.click();
      else this.fold(row, false);
    } else if (row.getAttribute("aria-expanded") === "true") {
      this.go(next);
    }
  }

  left(row, before) {
    if (row.getAttribute("aria-expanded") === "true") this.fold(row, true);
    else this.go(before.find((each) => level(each) < level(row)));
  }

  select(row) {
    const link = row.querySelector("a[hx-get]");
    if (link) link.click();
    else if (row.querySelector(".tw-a")) row.querySelector(".tw-a").click();
  }

  choose(row) {
    if (!row.hasAttribute("aria-selected")) return;
    for (const each of this.querySelectorAll('[aria-selected="true"]')) {
      each.setAttribute("aria-selected", "false");
      each.classList.remove("is-sel");
    }
    row.setAttribute("aria-selected", "true");
    row.classList.add("is-sel");
  }

  // What is folded below a row that opens again stays folded.
  fold(row, isClosing) {
    row.setAttribute("aria-expanded", String(!isClosing));
    row.querySelector(".tw use")?.setAttribute("href", isClosing ? "#k-right" : "#k-down");
    let closedAt = isClosing ? level(row) : Infinity;
    for (let each = row.nextElementSibling; each && level(each) > level(row); each = each.nextElementSibling) {
      if (level(each) <= closedAt) closedAt = Infinity;
      each.hidden = isClosing || closedAt !== Infinity;
      if (!each.hidden && each.getAttribute("aria-expanded") === "false") closedAt = level(each);
    }
  }
}

function level(row) {
  return Number(row.getAttribute("aria-level"));
}

customElements.define("sg-tree", Tree);
