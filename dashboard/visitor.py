"""A visitor of the bookshop: turns what a plan says into requests."""

import re

from django.utils.text import slugify

from dashboard.books import BOOKS
from dashboard.traffic import Action
from dashboard.web_client import Page, WebClient

PASSWORD = "a-quiet-morning-7"
PIXEL = bytes.fromhex("47494638396101000100800000a0522dffffff2c00000000010001000002024401003b")  # a GIF


class Visitor:
    """Does what it is told, in order. Each visit is another person with other cookies.

    Parameters
    ----------
    base_url
        Address of the site, on this machine.
    seed
        Part of the names, so that two runs with different seeds are different people.
    """

    def __init__(self, base_url: str, seed: int) -> None:
        self.base_url = base_url
        self.seed = seed
        self.visit = -1
        self._arrive(self.visit)

    def _arrive(self, visit: int) -> None:
        self.visit = visit
        self.client = WebClient(self.base_url)
        self.name = f"reader-{self.seed}-{visit}"
        self.added: list[str] = []  # slugs of own books

    def do(self, action: Action) -> Page:
        """Do one thing and return the last page seen. OSError where the site doesn't answer."""
        if action.visit != self.visit:
            self._arrive(action.visit)
        return getattr(self, f"_{action.name}")(action)

    def _browse(self, action: Action) -> Page:
        if action.number == 1:
            return self.client.get("/")
        if action.number == 2:
            return self.client.get("/", category=BOOKS[action.book].categories[0])
        return self.client.get("/", page=str(1 + action.book % 3))

    def _search(self, action: Action) -> Page:
        return self.client.get("/", q=BOOKS[action.book].author.split()[-1])

    def _register(self, action: Action) -> Page:
        fields = {"username": self.name, "password1": PASSWORD, "password2": PASSWORD}
        page = self.client.post("/accounts/register/", email=f"{self.name}@example.com", **fields)
        if page.path == "/accounts/register/":  # known since an earlier run with this seed
            return self.client.post("/accounts/login/", username=self.name, password=PASSWORD)
        return page

    def _log_in(self, action: Action) -> Page:
        """Come back as one of the first four visitors, who have always registered."""
        self.name = f"reader-{self.seed}-{action.visit % 4}"
        return self.client.post("/accounts/login/", username=self.name, password=PASSWORD)

    def _log_in_wrong(self, action: Action) -> Page:
        return self.client.post("/accounts/login/", username=self.name, password="forgotten")

    def _log_out(self, action: Action) -> Page:
        return self.client.post("/accounts/logout/")

    def _open_book(self, action: Action) -> Page:
        return self.client.get(self._path(action))

    def _read(self, action: Action) -> Page:
        return self.client.get(self._path(action) + "read/")

    def _availability(self, action: Action) -> Page:
        return self.client.get(f"/stock/{self._slug(action)}/")

    def _stock(self, action: Action) -> Page:
        return self.client.get("/stock/")

    def _order(self, action: Action) -> Page:
        return self.client.post(self._path(action) + "order/", copies=str(action.number))

    def _order_too_many(self, action: Action) -> Page:
        return self.client.post(self._path(action) + "order/", copies="999")

    def _orders(self, action: Action) -> Page:
        return self.client.get("/orders/")

    def _cancel(self, action: Action) -> Page:
        page = self.client.get("/orders/")
        found = re.search(r'action="(/orders/\d+/cancel/)"', page.text)
        return self.client.post(found[1]) if found else page

    def _add_book(self, action: Action) -> Page:
        title = f"{BOOKS[action.book].title}, with notes"
        page = self.client.post("/add/", title=title, author_name=self.name, summary="My own copy.")
        found = re.fullmatch(r"/books/([\w-]+)/", page.path)
        if found:
            self.added.append(found[1])
        return page

    def _upload(self, action: Action) -> Page:
        """A cover for a book of one's own, adding one first where there is none."""
        page = self._add_book(action) if not self.added else None
        if not self.added:
            return page or self.client.get("/")
        return self.client.upload(f"/books/{self.added[-1]}/cover/", "cover", "cover.gif", PIXEL)

    def _delete(self, action: Action) -> Page:
        page = self._add_book(action) if not self.added else None
        if not self.added:
            return page or self.client.get("/")
        return self.client.post(f"/books/{self.added.pop()}/delete/")

    def _delete_featured(self, action: Action) -> Page:
        featured = [book for book in BOOKS if book.featured]
        return self.client.post(f"/books/{slugify(featured[action.book % len(featured)].title)}/delete/")

    def _sign(self, action: Action) -> Page:
        return self.client.post("/notes/", author=self.name.replace("-", " "), text=f"I liked {self._slug(action)}.")

    def _fail(self, action: Action) -> Page:
        return self.client.get("/telemetry/fail/")

    def _slug(self, action: Action) -> str:
        return slugify(BOOKS[action.book].title)

    def _path(self, action: Action) -> str:
        return f"/books/{self._slug(action)}/"
