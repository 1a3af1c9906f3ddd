"""What editors and visitors do on a Wagtail site; runs in a project made by `wagtail start`."""

from __future__ import annotations

import io
import sys
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.core.files.images import ImageFile  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from wagtail.images.models import Image  # noqa: E402
from wagtail.models import Collection, Page, Site  # noqa: E402

from traffic.driving import crawl, drive, superuser_client  # noqa: E402

PAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 150


def edit() -> None:
    """Pages written, published, copied, moved, taken down and deleted; images, collections, users and groups."""
    home: Any = Page.objects.get(depth=2).specific
    kind = type(home)
    for number in range(8):
        page = home.add_child(instance=kind(title=f"News {number}", slug=f"news-{number}"))
        revision = page.save_revision()
        revision.publish()
        page.title = f"News {number}, corrected"
        page.save_revision().publish()
    first, second, third, *rest = home.get_children().specific()
    second.copy(to=home, update_attrs={"slug": "a-copy", "title": "A copy"})
    third.move(first, pos="first-child")
    for page in rest:
        page.specific.unpublish()
        page.delete()
    drawn = io.BytesIO()
    Picture.new("RGB", (40, 30), "teal").save(drawn, "PNG")
    picture = Image(title="A picture", file=ImageFile(drawn, name="picture.png"))
    picture.save()
    picture.get_rendition("width-20")
    picture.delete()
    Collection.get_first_root_node().add_child(instance=Collection(name="Press"))
    editor = get_user_model().objects.create_user("editor", "editor@example.com", "a password")
    editor.groups.add(*Group.objects.all())
    editor.delete()
    Site.objects.get(is_default_site=True).save()


def work() -> int:
    client = superuser_client()
    opened = crawl(client, "/", "/admin/", pages=PAGES)
    edit()
    return opened + crawl(client, "/", "/admin/", "/admin/reports/", pages=PAGES)


drive(work)
