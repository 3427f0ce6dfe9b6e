"""The page of a pull request: what it shows, what it hides, and its button."""

from __future__ import annotations

import pytest

from cli.sandbox.markdown import render
from tests.cli.sandbox.conftest import World

BODY = """**19.9 MB of recommended packages come along** <b onclick=x>no</b>

```suggestion
RUN apt-get install -y --no-install-recommends curl
```
<sub>Estimated</sub>
<!-- dockslim: 3f2a -->"""


@pytest.mark.parametrize(
    ("body", "html"),
    [
        pytest.param("a <script>x</script>", "<p>a &lt;script&gt;x&lt;/script&gt;</p>", id="scripts are text"),
        pytest.param("a<!-- secret -->b", "<p>ab</p>", id="comments vanish"),
        pytest.param("<!-- secret\n\nmore -->\nb", "<p>b</p>", id="comments over several lines vanish"),
        pytest.param("<sub>a</sub><br>b", "<p><sub>a</sub><br>b</p>", id="allowed tags"),
        pytest.param("<sub onclick=x>a</sub>", "<p>&lt;sub onclick=x&gt;a</sub></p>", id="but no attributes"),
        pytest.param("[a](javascript:x)", "<p>[a](javascript:x)</p>", id="no script links"),
        pytest.param("![a](http://x/y.png)", '<p><a href="http://x/y.png" rel="nofollow">a</a></p>', id="pictures"),
        pytest.param("a\nb", "<p>a<br />\nb</p>", id="line breaks count in comments"),
        pytest.param("<details><summary>s</summary>\n\nx", "</details>", id="left open is closed"),
    ],
)
def test_markdown(body: str, html: str) -> None:
    rendered = str(render(body)).strip()

    assert rendered.endswith(html) if html.startswith("</") else rendered == html


@pytest.mark.slow
def test_page(world: World) -> None:
    world.review({"path": "Dockerfile", "line": 3, "body": BODY}, body="**dockslim** · 1 suggestion")
    world.pull.comment("<img src=x onerror=alert(1)>")
    run = {"name": "dockslim", "head_sha": world.pull.head_sha, "conclusion": "neutral"}
    run["output"] = {"title": "1 suggestion", "summary": "words"}  # type: ignore[assignment]
    world.bot.post(world.path("/check-runs"), json=run)

    answer = world.bot.get("/acme/shop/pull/1")

    page = answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<strong>19.9 MB of recommended packages come along</strong>" in page
    assert "Suggested change" in page
    assert "3f2a" not in page
    assert "<img" not in page
    assert "<b onclick" not in page
    assert "<sub>Estimated</sub>" in page
    assert "1 suggestion" in page
    assert 'action="/acme/shop/pull/1/suggestions/' in page
    assert world.bot.get("/acme/shop/pull/9").status_code == 404
    assert "Fetch with curl" in world.bot.get("/_sandbox/").text


@pytest.mark.slow
def test_button(world: World) -> None:
    world.review({"path": "Dockerfile", "line": 3, "body": BODY})
    [comment] = world.pull.review_comments
    path = f"/acme/shop/pull/1/suggestions/{comment.id}"

    assert world.bot.post(path, headers={"Origin": "https://example.com"}).status_code == 403
    answer = world.bot.post(path, headers={"Origin": world.url})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/acme/shop/pull/1#discussion_r{comment.id}")
    assert "--no-install-recommends curl" in world.pull.head_text("Dockerfile")
    again = world.bot.post(path)
    assert again.status_code == 422
    assert "This suggestion has been applied or marked resolved." in again.text
