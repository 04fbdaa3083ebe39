def left_pad(text, width):
    return text.rjust(width)
