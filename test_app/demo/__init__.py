"""The demo project, in which the tests run as well."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Someone who can sign in to the demo; the password is the name."""

    name: str
    description: str
    email: str
    phone_number: str = ""
    superuser: bool = False

    @property
    def registered(self) -> bool:
        """Return whether phone number and e-mail address are registered from the start."""
        return bool(self.phone_number)


PEOPLE = (
    Person("demo", "has nothing registered yet", "demo@example.com"),
    Person("sam", "has a phone and an e-mail address registered", "sam@example.com", "+12025550143"),
    Person("admin", "may use the admin, has nothing registered", "admin@example.com", superuser=True),
)
