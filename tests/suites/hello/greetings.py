"""What the tests of this suite are about."""

GREETINGS = {"de": "Hallo", "en": "Hello", "fr": "Bonjour", "it": "Ciao", "nl": "Hallo"}


def greet(name, language="en"):
    """A greeting; raises ``KeyError`` for a language that is not known."""
    if not name:
        raise ValueError("nobody to greet")
    return f"{GREETINGS[language]}, {name}!"


class Guestbook:
    """Who was greeted, kept in a file."""

    def __init__(self, path):
        self.path = path

    def sign(self, name):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(name + "\n")

    def names(self):
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
