from django import forms


class OrderForm(forms.Form):
    copies = forms.IntegerField(min_value=1, max_value=999, initial=1)
