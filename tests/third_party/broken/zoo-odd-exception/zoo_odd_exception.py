"""A model that raises what is no Exception."""


class Unhappy(BaseException):
    """Not to be caught by those who catch exceptions."""


raise Unhappy("there is no GPU here")
