"""A page as a reader of HTML sees it, from the standard library's parser."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements with their attributes, the text within each kind, and whether every element was closed."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text_in, self.open, self.wrong = [], {}, [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            texts = self.text_in.setdefault(tag, [])
            self.open.append((tag, len(texts)))
            texts.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        for tag, number in self.open:
            self.text_in[tag][number] += data

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.elements if name == tag and wanted.items() <= attrs.items()]

    @property
    def headings(self):
        return [int(name[1]) for name, _ in self.elements if name in ("h1", "h2", "h3", "h4", "h5", "h6")]
