"""The app's page."""


def test_the_page_is_the_same_for_everybody(client, admin_client):
    """A shell without cookies, scripts inline or anything of the server's people."""
    answer = client.get("/")

    assert answer.status_code == 200
    assert not answer.cookies
    assert admin_client.get("/").content == answer.content
