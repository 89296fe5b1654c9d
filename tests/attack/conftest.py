"""The service of ``tests.serve``, for those who mean it ill."""

from tests.serve.conftest import folders, full_house, house, make_house  # noqa: F401 - fixtures
